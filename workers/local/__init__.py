"""The local stack: a real broker and a real vector store from Python packages alone, supervised."""
