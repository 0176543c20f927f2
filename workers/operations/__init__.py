"""Asking: neighbours of a listing, a picture or a text, and the state of everything or of one listing."""
