"""How fast central takes records: from the first PUBLISH to its word on the last, by database and workers.

`benchmarks/central_ingest.py [--records 2000] [--database URL] [--workers 1] [--boxes 4] [--json]`: real
broker, real receivers as `borne-central run` starts them, real journals; everything on this machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from appliance.contracts import wire
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, DocumentFacts, Movement, Stamp, to_plain
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import read_watermark
from appliance.simulation.broker import CENTRAL, Broker
from central.keys import create_keys, load_keys
from central.store import Store

STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
BATCH = 32
WAIT_SECONDS = 600.0


def movement(device: str, number: int) -> Movement:
    """A traveller of nobody, another one each time."""
    document = DocumentFacts(
        format="TD3",
        lines=(),
        source="simulated",
        document_code="P",
        issuing_state="UTO",
        document_number=f"L{number}",
        primary_identifier=f"N{number}",
        secondary_identifier="ANNA",
        name_truncated=False,
        nationality="UTO",
        birth_date="1974-08-12",
        sex="F",
        expiry_date="2032-04-15",
        personal_number=None,
    )
    return Movement(
        crossing=f"{device}-{number}",
        device=device,
        post="Post",
        lane="1",
        profile="demo",
        direction=Direction.ENTRY,
        started=STAMP,
        decided=STAMP,
        document=document,
        checks=(),
        recommendation=Recommendation.GREEN,
        reasons=(),
        outcome=Outcome.ADMITTED,
        simulated=("camera",),
        policy="p",
    )


class Sender:
    """One box: sends all its batches at once, and hears central's word."""

    def __init__(self, broker: Broker, device: str, keys: object) -> None:
        self.device, self.keys = device, keys
        self.done = threading.Event()
        self.last = 0
        access = broker.access(device)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=mqtt.MQTTv5)
        self.client.tls_set(str(access.ca), str(access.certificate), str(access.key))
        self.client.on_connect = lambda client, *_: client.subscribe(wire.topic(device, "watermark"), 1)
        self.client.on_message = lambda _c, _d, message: self._hear(bytes(message.payload))
        self.client.connect(access.host, access.port)
        self.client.loop_start()

    def _hear(self, payload: bytes) -> None:
        key = self.keys.watermark.verify_key  # type: ignore[attr-defined]
        if read_watermark(payload, verify_key_for=lambda _: key).seq >= self.last:
            self.done.set()

    def send(self, envelopes: list[bytes]) -> None:
        self.last = len(envelopes)
        for at in range(0, len(envelopes), BATCH):
            batch = wire.pack(envelopes[at : at + BATCH])
            self.client.publish(wire.topic(self.device, "records"), batch, qos=1)


def measure(folder: Path, *, database: str, records: int, workers: int, boxes: int) -> dict[str, object]:
    """One run."""
    names = [f"box-{number}" for number in range(1, boxes + 1)]
    create_keys(folder / "keys")
    keys = load_keys(folder / "keys")
    store = Store(database)
    broker = Broker(folder / "broker", devices=names)
    prepared: dict[str, list[bytes]] = {}
    for name in names:
        box = load_box_keys(folder / name)
        with store.batch() as batch:
            batch.register(name, bytes(box.signing.verify_key), bytes(box.sealing.public_key))
        central = CentralKeys(keys.sealing.public_key, keys.watermark.verify_key)
        journal = Journal.open(folder / name / "journal.db", keys=box, central=central, device=name)
        for number in range(records // boxes):
            one = movement(name, number)
            journal.commit(one.crossing, RECORD_TYPE_MOVEMENT, to_plain(one), STAMP)
        found: list[bytes] = []
        while page := journal.page(len(found), 256):
            found += [record.envelope for record in page]
        prepared[name] = found
        journal.close()
    with broker:
        access = broker.access(CENTRAL)
        receiver = subprocess.Popen(
            [
                *(sys.executable, "-m", "central.cli", "run", "--quiet", "--workers", str(workers)),
                *("--database", database, "--keys", str(folder / "keys")),
                *("--host", access.host, "--port", str(access.port), "--ca", str(access.ca)),
                *("--certificate", str(access.certificate), "--key", str(access.key)),
            ]
        )
        try:
            time.sleep(4.0)  # all workers are there: a shared subscription keeps nothing for the absent
            senders = [Sender(broker, name, keys) for name in names]
            time.sleep(1.0)
            began = time.monotonic()
            for sender in senders:
                sender.send(prepared[sender.device])
            for sender in senders:
                if not sender.done.wait(WAIT_SECONDS):
                    raise SystemExit("central did not acknowledge all in time")
            seconds = time.monotonic() - began
        finally:
            receiver.terminate()
            receiver.wait()
        for sender in senders:
            sender.client.loop_stop()
    counts = store.counts()
    store.close()
    return {
        "database": database.split(":", maxsplit=1)[0] if "://" in database else "sqlite",
        "workers": workers,
        "boxes": boxes,
        "records": counts["records"],
        "envelope_bytes": len(prepared[names[0]][0]),
        "seconds": round(seconds, 2),
        "records_per_second": round(counts["records"] / seconds),
        "duplicates": counts["duplicates"],
        "refused": counts["refused"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="not used")
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--boxes", type=int, default=4)
    parser.add_argument("--database", help="a new, empty PostgreSQL database; otherwise SQLite")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="borne-bench-") as name:
        folder = Path(name)
        database = chosen.database or str(folder / "central.db")
        found = measure(
            folder,
            database=database,
            records=chosen.records,
            workers=chosen.workers,
            boxes=chosen.boxes,
        )
    print(
        json.dumps(found) if chosen.json else "\n".join(f"{name}: {value}" for name, value in found.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
