"""The kit's asserts explain themselves."""

pytest_plugins = ["omniq.testing"]
