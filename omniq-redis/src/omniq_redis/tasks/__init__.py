"""The operations of a task queue on Redis, one file a noun, each with scripts of its names in `lua/`."""
