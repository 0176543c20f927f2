"""Vectors: the collections of Milvus, the one writer's store, and the search for neighbours."""

from workers.vectors.lean import import_pymilvus

import_pymilvus()
