"""Milvus: the collections, the writer's store, and the search. Nothing else imports pymilvus."""

from workers.milvus.light_import import import_pymilvus

import_pymilvus()
