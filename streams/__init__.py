"""What moves: topics, codecs, clients, publishing, watermarks and lag."""
