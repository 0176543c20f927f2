"""Models: a folder that transformers loads, the recipe read from it, and the encoder made of it."""
