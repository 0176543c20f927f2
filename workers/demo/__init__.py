"""The demo: the whole way from pictures to shelves, on a catalogue of its own."""
