"""SQLite for OmniQ."""
