"""How long a real chip takes over one command: the air, the antenna's protocol, its own thinking."""

from collections.abc import Callable

Delay = Callable[[int, int], float]
"""From bytes sent and bytes received to seconds."""

OVERHEAD_SECONDS = 0.010
"""Chip, reader and USB together for each command: an assumption, not a measurement."""
BITS_PER_BYTE = 9
"""ISO/IEC 14443-3 type A sends a parity bit with each byte."""
RATES_KBIT = (106, 212, 424, 848)
"""The bit rates of ISO/IEC 14443."""


def no_delay(sent: int, received: int) -> float:  # noqa: ARG001 - the shape of a Delay
    """As fast as the computer is: for tests."""
    return 0.0


def contactless(rate_kbit: int, *, overhead_seconds: float = OVERHEAD_SECONDS) -> Delay:
    """A chip at one of the standard's bit rates."""
    if rate_kbit not in RATES_KBIT:
        raise ValueError(f"A contactless chip has one of the rates {RATES_KBIT} kbit/s.")
    seconds_per_byte = BITS_PER_BYTE / (rate_kbit * 1000)
    return lambda sent, received: overhead_seconds + (sent + received) * seconds_per_byte
