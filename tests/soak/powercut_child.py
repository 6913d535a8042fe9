"""A journal at work, whose every write is logged; after each thing that is promised it makes a mark."""

import datetime as dt
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "appliance" / "records"))

from records_common import CENTRAL, STAMP, word_for

from appliance.records import database, retention
from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
synchronous = os.environ.get("POWERCUT_SYNCHRONOUS", "FULL")
if synchronous != "FULL":  # the control: what a careless build would do
    careful = database.durable

    def careless(connection: object) -> None:
        careful(connection)  # type: ignore[arg-type]
        connection.execute(f"PRAGMA synchronous = {synchronous}")  # type: ignore[attr-defined]

    database.durable = careless
    sys.modules["appliance.records.steps"].durable = careless  # type: ignore[attr-defined]
marks = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def promise(records: int, steps: int, acknowledged: int) -> None:
    os.write(marks, f"{records} {steps} {acknowledged}\n".encode())


keys = load_box_keys(Path(sys.argv[3]))
book = Journal.open(folder / "journal.db", keys=keys, central=CENTRAL, device="box-1")
promise(0, 0, 0)
acknowledged = 0
for number in range(1, 25):
    crossing = f"c{number}"
    for step in range(1, 4):
        book.append_event(crossing, f"step-{step}", bytes([step]) * (500 * (seed % 7 + 1)))
        promise(book.status().last_seq, step, acknowledged)
    book.commit(
        crossing, "movement", {"crossing": crossing, "n": number}, STAMP, media={"portrait": bytes(20_000)}
    )
    promise(book.status().last_seq, 0, acknowledged)
    if number % 4 == seed % 4:
        acknowledged = book.status().last_seq - seed % 3
        book.acknowledge(word_for(book, acknowledged))
        promise(book.status().last_seq, 0, acknowledged)
    if number % 8 == 7:
        book.make_room(30_000, stamp=STAMP)
        promise(book.status().last_seq, 0, acknowledged)
    if number % 12 == 11:
        book.retain(stamp=STAMP, now=dt.datetime.fromisoformat(STAMP.wall) + 2 * retention.KEPT)
        promise(book.status().last_seq, 0, acknowledged)
os._exit(0)  # no tidy close: it would checkpoint, and the power does not wait
