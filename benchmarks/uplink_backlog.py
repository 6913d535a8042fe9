"""A backlog drained to central's commit: records a second, and the sending process's CPU, memory and disk.

Journal, uplink, a real mosquitto with mutual TLS, and central's receiver, each in a process of its own on
this machine. One backlog is drained twice, from copies of one journal: into Borne's central, and into a plain
receiver that verifies and opens nothing and commits each batch in one SQLite transaction, which is what the
edge itself can do, and what 2,082 records/s were measured with.
`--media` gives every crossing a picture of so many bytes, a record of its own.
"""

import argparse
import asyncio
import json
import os
import resource
import secrets
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.lane import (
    FetchOutbox,
    FetchQueries,
    Installed,
    LiveQueries,
    OutboxPage,
    ReportSigned,
    SignedData,
)
from appliance.contracts.movement import (
    RECORD_TYPE_MOVEMENT,
    DocumentFacts,
    Movement,
    Stamp,
    apart,
    to_plain,
)
from appliance.cose import protected_bytes
from appliance.key_files import read_key
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark
from appliance.services.uplink.link import Credentials
from appliance.services.uplink.service import Settings, UplinkService
from appliance.simulation.broker import CENTRAL, Broker
from central import waiting
from central.broker import Access
from central.keys import create_keys, load_keys
from central.store import Store

DEVICE = "bench-1"
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
FACTS_RECORDS_PER_SECOND = 2082
"""Of a prototype: a window of 1,000, records that nobody verified or opened."""
ALERTS = 20
"""Raised while the backlog drains: how long until central has committed each."""


def main() -> int:
    """One object of figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=100_000, help="crossings in the backlog")
    parser.add_argument("--media", type=int, default=0, help="bytes of a picture with every crossing")
    parser.add_argument("--central", choices=("borne", "plain", "both"), default="both")
    parser.add_argument("--workers", type=int, default=1, help="of Borne's central")
    parser.add_argument("--database", help="Borne's: an empty PostgreSQL database; otherwise SQLite")
    parser.add_argument("--folder", type=Path, help="kept; default: a temporary one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--role", choices=("edge", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("data", nargs="?", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "edge":
        asyncio.run(edge(arguments.folder))
        return 0
    if arguments.role == "plain":
        plain_central(arguments.folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="borne-backlog-") as temporary:
        figures = measure(arguments.folder or Path(temporary), arguments)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<28} {value}")
    return 0


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The backlog, drained into each central from a copy of its own."""
    began = time.monotonic()
    create_keys(folder / "filled" / "keys")
    records = fill(folder / "filled", arguments)
    figures: dict[str, Any] = {
        "crossings": arguments.records,
        "records": records,
        "media_bytes": arguments.media,
        "filling_seconds": round(time.monotonic() - began, 1),
        "facts_records_per_second": FACTS_RECORDS_PER_SECOND,
        "cores": os.cpu_count(),
    }
    kinds = ("borne", "plain") if arguments.central == "both" else (arguments.central,)
    for kind in kinds:
        shutil.copytree(folder / "filled", folder / kind)
        figures[kind] = drain(folder / kind, kind, records, arguments)
        shutil.rmtree(folder / kind)
    return figures


def drain(folder: Path, kind: str, records: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One journal into one central."""
    database = arguments.database if kind == "borne" and arguments.database else str(folder / "central.db")
    own = load_box_keys(folder / "box-keys")
    store = Store(database)
    with store.batch() as batch:
        batch.register(DEVICE, bytes(own.signing.verify_key), bytes(own.sealing.public_key))
    broker = Broker(folder / "broker", devices=[DEVICE])
    (folder / "access.json").write_text(json.dumps(
        {name: [str(value) for value in _of(broker, name)] for name in (CENTRAL, DEVICE)}
    ))  # fmt: skip
    load = os.getloadavg()[0]
    with broker:
        receiver = start_central(folder, broker, kind, database, arguments.workers)
        try:
            time.sleep(3.0)  # all workers are there: a shared subscription keeps nothing for the absent
            sender = start(folder, "edge")
            try:
                figures = watch(folder, sender, receiver)
            finally:
                sender.kill()
                sender.wait()
            if kind == "borne":
                figures |= derived(store)
        finally:
            receiver.kill()
            receiver.wait()
    there = count(folder, kind, store)
    store.close()
    assert there == records + ALERTS, (there, records)
    disk = sum(file.stat().st_size for file in folder.glob("journal.db*"))
    figures["journal_megabytes"] = round(disk / 1e6, 1)
    figures["load_average"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    return figures


def count(folder: Path, kind: str, store: Store) -> int:
    if kind == "borne":
        return store.counts()["records"]
    with sqlite3.connect(folder / "central.db") as connection:
        return int(connection.execute("SELECT count(*) FROM plain").fetchone()[0])


def derived(store: Store) -> dict[str, Any]:
    """How long central goes on after its last word, until crossings, facts and stays are all there."""
    began = time.monotonic()
    while True:
        with store.reading() as batch:
            left = waiting.count(batch.connection)
        behind = round(time.monotonic() - began, 1)
        if not left:
            return {"derived_after_seconds": behind, "crossings_at_central": store.counts()["crossings"]}
        time.sleep(0.2)


def open_journal(folder: Path) -> Journal:
    central = CentralKeys(
        sealing=read_key(folder / "keys" / "sealing.pub", PublicKey),
        watermark=read_key(folder / "keys" / "watermark.pub", VerifyKey),
    )
    return Journal.open(
        folder / "journal.db", keys=load_box_keys(folder / "box-keys"), central=central, device=DEVICE
    )


def movement(number: int, media: int) -> Movement:
    """A traveller of nobody, another one each time; in a passport, so that central has all its work."""
    document = DocumentFacts(
        format="TD3", lines=(), source="simulated", document_code="P", issuing_state="UTO",
        document_number=f"L{number}", primary_identifier=f"N{number}", secondary_identifier="ANNA",
        name_truncated=False, nationality="UTO", birth_date="1974-08-12", sex="F", expiry_date="2032-04-15",
        personal_number=None,
    )  # fmt: skip
    return Movement(
        crossing=secrets.token_hex(16), device=DEVICE, post="Bench", lane="1", profile="training",
        direction=Direction.ENTRY, started=STAMP, decided=STAMP, document=document, checks=(),
        recommendation=Recommendation.GREEN, reasons=(), outcome=Outcome.ADMITTED, simulated=("all",),
        policy="bench", media={"portrait_record": secrets.token_bytes(media)} if media else {},
    )  # fmt: skip


def commit(journal: Journal, one: Movement, *, alert: bool = False) -> int:
    facts, media = apart(one)
    return journal.commit(
        one.crossing, RECORD_TYPE_MOVEMENT, to_plain(facts), STAMP, alert=alert, media=media or None
    )


def fill(folder: Path, arguments: argparse.Namespace) -> int:
    """The backlog. It need not survive a power cut here, so it is not flushed a record at a time."""
    journal = open_journal(folder)
    journal._connection.execute("PRAGMA synchronous = OFF")
    for number in range(arguments.records):
        commit(journal, movement(number, arguments.media))
        if number % 1000 == 0 and sys.stderr.isatty():
            print(f"{number} of {arguments.records} crossings recorded", end="\r", file=sys.stderr)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    last = journal.status().last_seq
    journal.close()
    return last


def start(folder: Path, role: str) -> "subprocess.Popen[bytes]":
    with (folder / f"{role}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, "--role", role, "--folder", str(folder)], stdout=log, stderr=log
        )


def start_central(
    folder: Path, broker: Broker, kind: str, database: str, workers: int
) -> "subprocess.Popen[bytes]":
    if kind == "plain":
        return start(folder, "plain")
    access = broker.access(CENTRAL)
    with (folder / "central.log").open("ab") as log:
        return subprocess.Popen(
            [
                sys.executable, "-m", "central.cli", "run", "--quiet", "--workers", str(workers),
                "--database", database, "--keys", str(folder / "keys"),
                "--host", access.host, "--port", str(access.port), "--ca", str(access.ca),
                "--certificate", str(access.certificate), "--key", str(access.key),
            ],
            stdout=log, stderr=log,
        )  # fmt: skip


def watch(
    folder: Path, sender: "subprocess.Popen[bytes]", receiver: "subprocess.Popen[bytes]"
) -> dict[str, Any]:
    """Until central has spoken for all: by the sender's own file of figures; memory over time beside it."""
    report = folder / "edge.json"
    began, seen = time.monotonic(), []
    while not report.exists():
        if sender.poll() is not None:
            raise SystemExit(f"the sender ended: {(folder / 'edge.log').read_text()[-2000:]}")
        if time.monotonic() - began >= len(seen):
            seen.append((round(time.monotonic() - began), resident(sender.pid), resident(receiver.pid)))
        time.sleep(0.1)
    figures: dict[str, Any] = json.loads(report.read_text())
    figures["central_cpu_seconds"] = round(cpu_seconds(receiver.pid), 1)
    figures["central_peak_rss_megabytes"] = max(row[2] for row in seen)
    every = max(1, len(seen) // 10)
    figures["seconds_uplink_and_central_megabytes"] = seen[::every]
    return figures


def resident(pid: int) -> int:
    """Megabytes of a process and of its children."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6) + sum(resident(int(child)) for child in children)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(int(child)) for child in children)


# The sending process


class JournalLane:
    """`Lane` that is its journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.raised: dict[int, float] = {}
        self.heard: dict[int, float] = {}

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        records = self.journal.page(request.after, request.limit)
        if not records and request.wait:
            await asyncio.sleep(min(request.wait, 0.02))
        status = self.journal.status()
        return OutboxPage(
            device=DEVICE, epoch=status.epoch, last_seq=status.last_seq,
            acknowledged_seq=status.acknowledged_seq, records=records,
            urgent=self.journal.alerts(16, after=request.alerts_after),
            send_from=status.acknowledged_seq + 1, gaps=status.gaps,
        )  # fmt: skip

    async def acknowledge(self, request: SignedData) -> Installed:
        self.journal.acknowledge(request.data)
        gaps, now = self.journal.status().gaps, time.monotonic()
        for seq in [seq for seq in self.raised if seq not in self.heard]:
            # Central has an alert when the last gap that it names ends before it, or its word has passed it.
            if self.journal.status().acknowledged_seq >= seq or (gaps and gaps[-1][1] < seq):
                self.heard[seq] = now
        return Installed(accepted=True, sentence="")

    async def install(self, _request: object) -> Installed:
        return Installed(accepted=True, sentence="")

    command = answer = install

    async def sign_report(self, _request: object) -> ReportSigned:
        return ReportSigned(user=())

    async def fetch_queries(self, request: FetchQueries) -> LiveQueries:
        await asyncio.sleep(request.wait)
        return LiveQueries(queries=())

    async def link(self, _request: object) -> Nothing:
        return Nothing()


async def edge(folder: Path) -> None:
    journal = open_journal(folder)
    sizes = [len(one.envelope) for one in journal.page(1, 64)]
    lane = JournalLane(journal)
    host, port, *files = json.loads((folder / "access.json").read_text())[DEVICE]
    credentials = Credentials(host, int(port), *map(Path, files))
    uplink = UplinkService(lane=lane, settings=Settings(DEVICE, credentials))  # type: ignore[arg-type]
    running = asyncio.ensure_future(uplink.run())
    while not journal.status().acknowledged_seq:  # noqa: ASYNC110 - central's process has its own start
        await asyncio.sleep(0.05)
    begun, first, used = time.monotonic(), journal.status().acknowledged_seq, time.process_time()
    last = journal.status().last_seq
    share = (last - first) / (ALERTS + 1)
    for number in range(ALERTS):
        while journal.status().acknowledged_seq < first + share * (number + 1) - 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        lane.raised[commit(journal, movement(number + 10**6, 0), alert=True)] = time.monotonic()
    while journal.status().unsent:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    seconds = time.monotonic() - begun
    status = await uplink.status(Nothing())
    waits = sorted(lane.heard.get(seq, time.monotonic()) - at for seq, at in lane.raised.items())
    total = journal.status().last_seq - first
    figures = {
        "envelope_bytes_median": int(statistics.median(sizes)),
        "seconds": round(seconds, 1),
        "records_per_second": round(total / seconds),
        "edge_cpu_seconds": round(time.process_time() - used, 1),
        "edge_peak_rss_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "repeated": status.repeated,
        "reconnects": status.reconnects,
        "alert_seconds_median": round(statistics.median(waits), 3),
        "alert_seconds_worst": round(waits[-1], 3),
    }
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    journal.close()
    (folder / "edge.part").write_text(json.dumps(figures))
    (folder / "edge.part").rename(folder / "edge.json")


# The plain receiver


def plain_central(folder: Path) -> None:
    """Commits what comes and speaks for it; verifies and opens nothing."""
    import queue

    import cbor2
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    signing: SigningKey = load_keys(folder / "keys").watermark
    host, port, *files = json.loads((folder / "access.json").read_text())[CENTRAL]
    database = sqlite3.connect(folder / "central.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS plain (seq INTEGER PRIMARY KEY, envelope BLOB)")
    arrived: queue.Queue[Any] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, manual_ack=True)
    Access(host, int(port), *map(Path, files)).secure(client)
    client.on_connect = lambda *_: client.subscribe(wire.ALL_RECORDS, 1)
    client.on_message = lambda _client, _userdata, message: arrived.put(message)
    client.connect(host, int(port))
    client.loop_start()
    held: dict[int, bytes] = {}
    reached, chain, epoch = 0, bytes(32), ""
    while True:
        message = arrived.get()
        rows = []
        for envelope in wire.unpack(bytes(message.payload)):
            header = protected_bytes(envelope)
            named = cbor2.loads(header)
            epoch = named["epoch"]
            rows.append((named["seq"], envelope))
            held[named["seq"]] = header
        with database:
            database.executemany("INSERT OR IGNORE INTO plain VALUES (?, ?)", rows)
        client.ack(message.mid, message.qos)
        import hashlib

        while reached + 1 in held:
            reached += 1
            chain = hashlib.sha256(held.pop(reached)).digest()
        gaps = ((reached + 1, min(held) - 1),) if held else ()
        word = Watermark(
            device=DEVICE, epoch=epoch, seq=reached, chain=chain, gaps=gaps,
            issued_at="2026-11-02T08:00:00+00:00",
        )  # fmt: skip
        client.publish(wire.topic(DEVICE, "watermark"), sign_watermark(word, signing_key=signing), 1, True)


def _of(broker: Broker, name: str) -> tuple[object, ...]:
    access = broker.access(name)
    return (access.host, access.port, access.ca, access.certificate, access.key)


if __name__ == "__main__":
    sys.exit(main())
