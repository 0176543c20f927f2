"""The audit: whether the index is what the log says, and what puts it right where it is not."""
