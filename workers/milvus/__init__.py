"""Milvus: the collections, the writer's store, and the search. Nothing else imports pymilvus."""
