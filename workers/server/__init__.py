"""Serving: shelves of similar items over HTTP, each recorded as it was shown."""
