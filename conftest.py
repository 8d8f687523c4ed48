"""Loads the kit's plugin for the whole suite."""

pytest_plugins = ["omniq.testing"]
