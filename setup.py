"""Kept for tools that look for a setup.py; pyproject.toml holds the facts."""

import setuptools

setuptools.setup()
