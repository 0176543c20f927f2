"""From the address of a picture to the pixels of the model: fetched from hosts that may be hostile, decoded apart."""
