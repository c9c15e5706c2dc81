"""The demo and its embedded data; nothing of the package imports it."""
