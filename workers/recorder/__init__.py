"""The recorder: what people were shown and did, from Kafka to Parquet; merged, read and erased there."""
