"""The index worker: listing events in, rows in Milvus out; `pipeline.py` shows it whole."""
