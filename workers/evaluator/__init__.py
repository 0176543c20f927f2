"""Watching the live model: its figures restated as records come, its days closed, its decision made."""
