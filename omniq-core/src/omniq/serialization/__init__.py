"""Values to bytes and back: types survive exactly, and the codec travels with the data."""
