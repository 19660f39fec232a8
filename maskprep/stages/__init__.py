"""Pure functions from record batches to record batches: no files, no terminal."""
