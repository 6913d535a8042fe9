"""Power cuts: a log that was torn anywhere after what had been promised."""

import random
import shutil
from pathlib import Path

from records_common import commit, open_in

FILES = ("journal.db", "steps.db")


def test_ok__logs_torn_behind_what_was_promised(tmp_path: Path) -> None:
    # FULL syncs a log before what it holds is promised. So any image that has both logs up to there, and
    # anything or nothing behind, is one that a power cut may leave; each must hold what was promised, and
    # at most what was under way besides.
    chance = random.Random(5)
    working = tmp_path / "working"
    box = open_in(working)
    logs = [Path(f"{working / name}-wal") for name in FILES]

    def sizes() -> list[int]:
        return [log.stat().st_size for log in logs]

    promised = [(sizes(), 0, 0)]
    for number in range(1, 7):
        for step in range(2):
            box.append_event(f"c{number}", "step", bytes([step]))
            promised.append((sizes(), number - 1, step + 1))
        commit(box, f"c{number}", picture=chance.randbytes(5000))
        promised.append((sizes(), number, 0))
    assert promised == sorted(promised), "the logs only grew, so that places in them are moments"
    databases = [(working / name).read_bytes() for name in FILES]
    whole = [log.read_bytes() for log in logs]
    for number in range(60):
        at = chance.randrange(len(promised) - 1)
        (low, records, steps), (high, next_records, next_steps) = promised[at], promised[at + 1]
        image = tmp_path / f"image{number}"
        image.mkdir()
        shutil.copytree(working / "keys", image / "keys")
        if next_records > records:  # the steps go once the record is on disk, and not before
            low, high = random.Random(number).choice([(low, [high[0], low[1]]), ([high[0], low[1]], high)])
        for name, database, log, least, most in zip(FILES, databases, whole, low, high, strict=True):
            cut = chance.randrange(least, most + 1)
            tail = (b"", chance.randbytes(5000), bytes(5000))[number % 3]
            (image / name).write_bytes(database)
            (image / f"{name}-wal").write_bytes(log[:cut] + tail)
        reopened = open_in(image)
        try:
            assert reopened.notices == ()
            assert reopened.verify().problems == ()
            under_way = reopened.open_crossing()
            found = (reopened.status().last_seq, len(under_way.events) if under_way else 0)
            between = (next_records, steps)  # recorded, and its steps not ended yet
            assert found in ((records, steps), (next_records, next_steps), between)
            if found == between and next_records > records:
                assert commit(reopened, f"c{next_records}") == next_records, "committing again ends it"
                assert reopened.open_crossing() is None
        finally:
            reopened.close()
    box.close()
