"""The measurements behind why.py."""
