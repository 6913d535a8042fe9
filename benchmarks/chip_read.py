"""Read and judge a simulated chip of every scheme through the real PC/SC daemon: commands, bytes, and whose
time it is.

    python benchmarks/chip_read.py [--runs N] [--rate KBIT] [--kilobytes N] [--json]

The chip is served by another process, so that its arithmetic is not counted as ours. Our own time is
processor time of this one; the card's is what its process took, sleep for the air included; the rest of the
wall is transport (PC/SC daemon, sockets, drivers). The lower bound is one command for EF.CardAccess, those
that the protocols demand, and size over block size for each file. Figures are of this machine, which may be
busy with other work.
"""

import argparse
import contextlib
import datetime as dt
import json
import math
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from appliance.chip.blocks import LearnedManners
from appliance.chip.reader import ChipFiles, read_chip
from appliance.simulation.chip import VirtualChip, build_files, contactless, mrz_information_of, no_delay
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.chip.files import card_limits
from appliance.simulation.chip.pcscd import PcscdUnavailable, virtual_reader
from appliance.simulation.chip.secrets import ChipSecrets, StaticKey, chip_authentication_info, pace_info
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.simulation.chip.vpcd import InsertedChip
from appliance.simulation.portraits import draw_portrait
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.authentication.report import judge_chip
from hal.document_reader.pcsc import PcscReader

LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F3204159ZE184226B<<<<<16")
GOAL_SECONDS = 0.150


@dataclass(frozen=True)
class Scheme:
    """A row of the table."""

    name: str
    secrets: ChipSecrets
    protocol_apdus: int
    """What the standard demands: CardAccess, access protocol, SELECT, and the chip's proofs."""
    extended: bool = False


def ca(cipher: str = "AES-128", number: int = 12) -> dict[str, Any]:
    return {
        "chip_authentication": (chip_authentication_info(cipher, number),),
        "static_keys": (StaticKey.generate(number),),
    }


def schemes() -> list[Scheme]:
    """BAC needs 3 commands, PACE 5 and the application's SELECT; CA adds 2 (1 with 3DES), AA 1, CAM its
    file."""
    aa = ec_signing("brainpoolP256r1")
    large = ec_signing("brainpoolP512r1", "sha512")
    cam = (pace_info("CAM", "AES-128", 13),)
    gm, wide = (pace_info(),), (pace_info("GM", "AES-256", 17),)
    return [
        Scheme("BAC", ChipSecrets(), 4),
        Scheme("BAC + AA RSA-1024", ChipSecrets(active_authentication=rsa_signing(1024, "sha1")), 5),
        Scheme("BAC + CA P-256 3DES", ChipSecrets(**ca("3DES")), 5),
        Scheme("PACE-GM P-256", ChipSecrets(pace=gm), 7),
        Scheme("PACE-GM P-256 + CA", ChipSecrets(pace=gm, **ca()), 9),
        Scheme("PACE-GM P-256 + CA, extended", ChipSecrets(pace=gm, **ca()), 9, extended=True),
        Scheme("PACE-GM P-256 3DES", ChipSecrets(pace=(pace_info("GM", "3DES", 12),)), 7),
        Scheme(
            "PACE-GM bpP256 + AA ECDSA",
            ChipSecrets(pace=(pace_info("GM", "AES-256", 13),), active_authentication=aa),
            8,
        ),
        Scheme("PACE-GM P-521 AES-256", ChipSecrets(pace=(pace_info("GM", "AES-256", 18),)), 7),
        Scheme("PACE-GM DH-2048", ChipSecrets(pace=(pace_info("GM", "AES-128", 2),)), 7),
        Scheme("PACE-IM P-256", ChipSecrets(pace=(pace_info("IM"),)), 7),
        Scheme("PACE-IM DH-1024", ChipSecrets(pace=(pace_info("IM", "AES-128", 0),)), 7),
        Scheme("PACE-CAM bpP256", ChipSecrets(pace=cam, static_keys=(StaticKey.generate(13),)), 7),
        Scheme(
            "PACE-GM bpP512 + CA + AA",
            ChipSecrets(pace=wide, active_authentication=large, **ca("AES-256", 17)),
            10,
        ),
    ]


def portrait(kilobytes: int) -> bytes:
    """A portrait filled up to the size that is asked for: comments are part of JPEG."""
    picture = draw_portrait(3)
    missing = kilobytes * 1000 - len(picture)
    filler = b""
    while missing > 4:
        length = min(missing - 4, 60_000)
        filler += b"\xff\xfe" + (length + 2).to_bytes(2) + bytes(length)
        missing -= length + 4
    return picture[:2] + filler + picture[2:]


def serve(pipe: Connection, files: dict[str, bytes], secrets: ChipSecrets, rate: int) -> None:
    """The card's process: counts the processor time and the wall that it takes."""
    chip = VirtualChip(
        files,
        mrz_information=mrz_information_of(files),
        secrets=secrets,
        delay=contactless(rate) if rate else no_delay,
    )
    wall = 0.0
    honest = chip.transmit

    def transmit(message: bytes) -> bytes:
        nonlocal wall
        began = time.perf_counter()
        try:
            return honest(message)
        finally:
            wall += time.perf_counter() - began

    chip.transmit = transmit  # type: ignore[method-assign]
    inserted = InsertedChip(chip)
    inserted.insert()
    pipe.send("inserted")
    while pipe.recv() == "ask":
        pipe.send(wall)
        wall = 0.0
        chip.reset()  # as if it had left the field and come back
    inserted.remove()


@contextlib.contextmanager
def laid(files: dict[str, bytes], secrets: ChipSecrets, rate: int) -> Iterator[Callable[[], float]]:
    """The chip lies in the reader; asked, it says how long it had the word since it was asked last."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, files, secrets, rate))
    process.start()
    assert ours.recv() == "inserted"

    def ask() -> float:
        ours.send("ask")
        return float(ours.recv())

    try:
        yield ask
    finally:
        ours.send("end")
        process.join(10)


def run(
    scheme: Scheme, reader_name: str, *, runs: int, rate: int, kilobytes: int, store: Any
) -> dict[str, Any]:
    limits = card_limits(4096, 4096) if scheme.extended else b""
    files = build_files(mrz_lines=LINES, picture=portrait(kilobytes), secrets=scheme.secrets, atr=limits)
    rows: list[dict[str, float]] = []
    with laid(files, scheme.secrets, rate) as card:
        reader = PcscReader(reader_name=reader_name)
        for number in range(runs + 1):
            connection = reader.wait_for_chip(10)
            card()
            cpu, wall = time.process_time(), time.perf_counter()
            read = read_chip(
                connection.transmit,
                mrz_information=mrz_information_of(files),
                challenge=os.urandom(8),
                reader_bytes=connection.max_apdu_bytes if scheme.extended else 256,
                learned=LearnedManners(),
            )
            judgement = judge_chip(read.facts(), store, Moment(dt.datetime.now(dt.UTC)))
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            in_card = card()
            assert not [one for one in judgement.findings if one.verdict in ("FAIL", "CANNOT")], (
                judgement.findings
            )
            connection.close()
            if number:  # the first one loads what the others find loaded
                rows.append({"cpu": cpu, "card": in_card, "wall": wall, "transport": wall - cpu - in_card})
        reader.close()
    return figures(scheme, read, rows)


def figures(scheme: Scheme, read: ChipFiles, rows: list[dict[str, float]]) -> dict[str, Any]:
    bound = lower_bound(scheme, read)

    def middle(name: str) -> float:
        return round(statistics.median(row[name] for row in rows), 4)

    cpu = sorted(row["cpu"] for row in rows)
    return {
        "scheme": scheme.name,
        "runs": len(rows),
        "apdus": read.apdus,
        "lower_bound": bound,
        "above": read.apdus - bound,
        "block_bytes": read.block_bytes,
        "file_bytes": sum(map(len, read.files.values())),
        "bytes_sent": read.bytes_sent,
        "bytes_received": read.bytes_received,
        "wall_seconds": middle("wall"),
        "card_seconds": middle("card"),
        "transport_seconds": middle("transport"),
        "cpu_seconds": middle("cpu"),
        "cpu_seconds_95": [
            round(cpu[int(0.025 * len(cpu))], 4),
            round(cpu[min(len(cpu) - 1, int(0.975 * len(cpu)))], 4),
        ],
    }


def lower_bound(scheme: Scheme, read: ChipFiles) -> int:
    """Each file by its size; the protocols as the standard has them, CardAccess among them."""
    blocks = 0
    for name, content in read.files.items():
        if name == "CardAccess":
            continue
        block = 223 if name == "CardSecurity" else read.block_bytes
        blocks += math.ceil(len(content) / block)
    return scheme.protocol_apdus + blocks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="not used: the chips are simulated")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument(
        "--rate", type=int, default=0, help="kbit/s of a real chip's air; 0: as fast as it goes"
    )
    parser.add_argument("--kilobytes", type=int, default=20, help="of DG2's picture")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    store = trust_store_for(["UTO"], now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=3))
    rows = []
    try:
        with virtual_reader() as slot:
            for scheme in schemes():
                rows.append(
                    run(scheme, slot.name, runs=arguments.runs, rate=arguments.rate,
                    kilobytes=arguments.kilobytes, store=store)
                )  # fmt: skip
                if not arguments.json:
                    print(table_row(rows[-1]), flush=True)
                slot.wait_until_empty()
    except PcscdUnavailable as error:
        print(f"chip_read: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        goal = next(row for row in rows if row["scheme"] == "PACE-GM P-256 + CA")
        print(
            json.dumps(
                {
                    "machine": machine,
                    "load": os.getloadavg()[0],
                    "rate_kbit": arguments.rate,
                    "goal_cpu_seconds": GOAL_SECONDS,
                    "cpu_seconds_pace_gm_p256_ca_pa": goal["cpu_seconds"],
                    "most_apdus_above_the_bound": max(row["above"] for row in rows),
                    "schemes": rows,
                }
            )
        )
    return 0


def table_row(row: dict[str, Any]) -> str:
    times = [row[f"{name}_seconds"] for name in ("wall", "card", "transport", "cpu")]
    counts = (row["apdus"], row["lower_bound"], row["block_bytes"], row["bytes_received"])
    cells = [row["scheme"], *counts, *(f"{1000 * seconds:.0f}" for seconds in times)]
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    sys.exit(main())
