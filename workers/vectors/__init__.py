"""Vectors: the collections of Milvus, the one writer's store, and the search for neighbours."""
