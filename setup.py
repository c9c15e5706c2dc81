"""Everything is in pyproject.toml; this is for tools that call setup.py."""
from setuptools import setup

setup()
