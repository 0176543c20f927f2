"""The index worker: reads listing events from Kafka, writes rows to Milvus. `service.py` has the diagram."""
