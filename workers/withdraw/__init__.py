"""Withdrawing what people may no longer see: takedowns and their undoing, and erasure with its receipt."""
