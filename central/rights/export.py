"""Everything that is known of one person, as a folder to hand over: JSON, and pictures beside it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.records import envelope as envelopes
from appliance.records.errors import EnvelopeError, Erased
from central.fleet.box_keys import ring_of
from central.keys import Keys
from central.rights.find import Found
from central.rights.tables import CORRECTIONS
from central.tables import DEVICES, RECORDS


def export(connection: Connection, found: Sequence[Found], folder: Path, *, keys: Keys) -> int:
    """Write the records, opened, into a folder of their own; how many could be opened.

    Raises:
        OSError: the folder is there already, or cannot be written.
    """
    folder.mkdir(parents=True, mode=0o700)
    opened = 0
    plain: list[dict[str, Any]] = []
    for one in found:
        body = _body(connection, one, keys)
        entry: dict[str, Any] = msgspec.to_builtins(one)
        if body is None:
            entry["content"] = None
        else:
            opened += 1
            entry["content"] = _readable(body, f"{one.device}-{_safe(one.epoch)}-{one.seq}", folder)
        plain.append(entry)
    names = [one.crossing for one in found]
    rows = connection.execute(sa.select(CORRECTIONS).where(CORRECTIONS.c.crossing.in_(names)))
    corrections = [
        {"crossing": row.crossing, "field": row.field, "value": row.value, "made_at": row.made_at}
        for row in rows
    ]
    text = json.dumps({"records": plain, "corrections": corrections}, ensure_ascii=False, indent=1)
    (folder / "records.json").write_text(text + "\n", "utf-8")
    return opened


def _body(connection: Connection, one: Found, keys: Keys) -> dict[str, Any] | None:
    row = connection.execute(
        sa.select(RECORDS.c.envelope, DEVICES.c.signing_key)
        .select_from(RECORDS.join(DEVICES, DEVICES.c.device == RECORDS.c.device))
        .where(RECORDS.c.device == one.device, RECORDS.c.epoch == one.epoch, RECORDS.c.seq == one.seq)
    ).one()
    signers = ring_of(connection, one.device, bytes(row.signing_key))
    try:
        sealed = envelopes.verify(bytes(row.envelope), verify_key_for=signers.verifier)
        return envelopes.open_(sealed, private_key=keys.sealing_for(sealed.header.recipient)).body
    except (Erased, EnvelopeError):
        return None


def _readable(value: Any, name: str, folder: Path) -> Any:
    """The same without bytes: these become files, and their names stand in their place."""
    if isinstance(value, dict):
        return {str(key): _readable(part, f"{name}-{_safe(key)}", folder) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(part, f"{name}-{place}", folder) for place, part in enumerate(value)]
    if isinstance(value, bytes):
        file = folder / f"{name[:120]}{'.jpg' if value[:2] == bytes((0xFF, 0xD8)) else '.bin'}"
        file.write_bytes(value)
        return {"file": file.name}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _safe(key: object) -> str:
    """A key that a box wrote, as part of a file's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in str(key))[:40]
