"""Everything is in setup.cfg; this file serves tools that still call it."""

from setuptools import setup

setup()
