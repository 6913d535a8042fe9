"""Power cuts: a log that was torn anywhere after what had been promised."""

import random
import shutil
from pathlib import Path

from records_common import commit, open_in


def test_ok__a_log_torn_behind_what_was_promised(tmp_path: Path) -> None:
    # FULL syncs the log before a commit returns. So any image that has the log up to there, and
    # anything or nothing behind, is one that a power cut may leave; each must hold what was promised.
    chance = random.Random(5)
    working = tmp_path / "working"
    box = open_in(working)
    log = Path(f"{working / 'journal.db'}-wal")
    promised = [(log.stat().st_size, 0, 0)]
    for number in range(1, 7):
        for step in range(2):
            box.append_event(f"c{number}", "step", bytes([step]))
            promised.append((log.stat().st_size, number - 1, step + 1))
        commit(box, f"c{number}", picture=chance.randbytes(5000))
        promised.append((log.stat().st_size, number, 0))
    assert promised == sorted(promised), "the log only grew, so that places in it are moments"
    database, whole = (working / "journal.db").read_bytes(), log.read_bytes()
    for number in range(60):
        cut = chance.randrange(promised[0][0], len(whole))
        image = tmp_path / f"image{number}"
        image.mkdir()
        shutil.copytree(working / "keys", image / "keys")
        (image / "journal.db").write_bytes(database)
        tail = (b"", chance.randbytes(len(whole) - cut), bytes(len(whole) - cut))[number % 3]
        (image / "journal.db-wal").write_bytes(whole[:cut] + tail)
        _, records, steps = max(moment for moment in promised if moment[0] <= cut)
        reopened = open_in(image)
        try:
            assert reopened.notices == ()
            assert reopened.verify().problems == ()
            under_way = reopened.open_crossing()
            found = (reopened.status().last_seq, len(under_way.events) if under_way else 0)
            assert found == (records, steps)
        finally:
            reopened.close()
    box.close()
