"""The recorded data set: its layout and schema, how it is read, and how it is erased from."""
