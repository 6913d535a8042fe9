"""A database of the version before: its records are opened once more, and nothing is doubled."""

import sqlalchemy as sa
from central_common import DOCUMENT, STAMP, take
from msgspec.structs import replace

from appliance.contracts.checks import Direction
from central import derive as deriving
from central.cli import main
from central.merge.tables import STAYS
from central.rights.erase import erase
from central.statistics.tables import FACTS
from central.store import Store
from central.tables import METADATA


def test_ok__what_an_earlier_version_stored(either, keys, make_box, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(deriving, "AT_ONCE", 3)
    box = make_box()
    box.register(either)
    for number in range(4):
        who = replace(DOCUMENT, primary_identifier=f"N{number}")
        box.cross(f"in{number}", document=who)
        later = replace(STAMP, wall="2026-11-05T08:00:00.000+00:00")
        box.cross(f"out{number}", document=who, decided=later, direction=Direction.EXIT)
    box.journal.commit("odd/1", "something", {"n": 1}, STAMP)
    take(either, keys, "box-1", *box.envelopes())
    with either.batch() as batch:
        erase(batch.connection, "box-1", box.epoch, [1])
        before = {"crossings", "records", "devices", "epochs", "refused", "settings"}
        for name in set(METADATA.tables) - before:
            batch.connection.execute(sa.delete(METADATA.tables[name]))
    assert main(["derive", "--database", either.database, "--keys", str(tmp_path / "central-keys")]) == 0
    assert "8 records" in capsys.readouterr().out
    check(either)
    assert main(["derive", "--database", either.database, "--keys", str(tmp_path / "central-keys")]) == 0
    check(either)
    assert either.counts()["crossings"] == 8


def check(store: Store) -> None:
    with store.reading() as batch:
        facts = (
            batch.connection.execute(sa.select(FACTS.c.crossing).order_by(FACTS.c.crossing)).scalars().all()
        )
        states = sorted(batch.connection.execute(sa.select(STAYS.c.state)).scalars())
    assert facts == ["in1", "in2", "in3", "out0", "out1", "out2", "out3"]  # in0 was erased
    assert states == ["complete", "complete", "complete", "waiting"]
