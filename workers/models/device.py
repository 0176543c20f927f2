"""The devices that an encoder may run on, named without importing torch."""

from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
"""`auto`: the fastest that the machine has."""
