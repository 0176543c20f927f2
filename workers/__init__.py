"""What works: indexing, vectors, models, the local stack and the command line."""
