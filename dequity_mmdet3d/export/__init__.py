"""The table for other tools."""
