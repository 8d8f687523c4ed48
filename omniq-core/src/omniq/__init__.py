"""OmniQ: a fast, fenced, typed task queue."""
