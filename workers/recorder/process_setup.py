"""How a process that records is set up: the interpreter and Arrow, for records by the hundred thousand."""

import gc

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

_LOOK_AFTER = 100_000
"""New objects after which Python looks for cycles. Records are objects, and consumed by the thousand: at its own 700 it
would look through all that is in hand again and again, a tenth of all the time; and they make no cycles."""


def configure_runtime() -> None:
    """To be called once all is imported, by the process and not by a part of it: it is for all its threads."""
    gc.freeze()  # what is imported stays
    gc.set_threshold(_LOOK_AFTER)
    # Arrow's own pool gives memory back to the system between two blocks and asks for it anew: 1 µs a record.
    pa.set_memory_pool(pa.system_memory_pool())
