"""What boxes say of themselves, kept: connected or not, health, and how far their clock is from ours."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from appliance.contracts import wire
from central.fleet.report_signatures import believe
from central.store import Store

MAX_REPORT_BYTES: Final = 256 * 1024


def note_report(
    store: Store,
    device: str,
    what: str,
    payload: bytes,
    *,
    retained: bool,
    user: Sequence[tuple[str, str]] = (),
) -> None:
    """A status or telemetry message with its user properties; what is none, or not to be believed, is passed
    over.

    Raises:
        StoreError: it is not kept, and may be tried again.
    """
    if len(payload) > MAX_REPORT_BYTES or what not in wire.REPORTS:
        return
    text = payload.decode("utf-8", "replace")
    with store.batch() as batch:
        if not believe(batch, device, what, payload, user=user, retained=retained):
            return
        if what == "status" and payload in (wire.ONLINE, wire.OFFLINE):
            batch.note_device(device, status=text)
        elif what == "telemetry" and (report := _object(text)) is not None:
            batch.note_device(device, telemetry=text)
            offset = _clock_offset(report)
            if offset is not None and not retained:  # what was retained was said some time ago
                batch.note_clock(device, offset)


def _object(text: str) -> dict[str, Any] | None:
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def _clock_offset(report: dict[str, Any]) -> float | None:
    """Seconds by which the box's clock is ahead of ours; None when it does not say the time."""
    try:
        told = datetime.fromisoformat(report["time"])
        return (told - datetime.now(UTC)).total_seconds()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
