"""What crosses a boundary: events, outcomes, dead letters and model descriptions, as frozen values without I/O."""
