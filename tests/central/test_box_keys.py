"""A box changes its signing key: what central takes before and behind the change, and from a thief."""

import hashlib
import json

import pytest
import sqlalchemy as sa
from central_common import STAMP, STRANGER, acknowledged, rows, take
from nacl.signing import SigningKey, VerifyKey

from appliance import cose
from appliance.key_files import read_key
from appliance.records import envelope as envelopes
from appliance.records.commands import read_command, read_message
from central.cli import main
from central.derive import derive
from central.fleet.alerts import open_alerts
from central.fleet.box_keys import GIVEN_UP, HAD_BEFORE, TOO_EARLY
from central.fleet.commands import given, pending
from central.store import Store
from central.tables import DEVICES


class Changed:
    """A box with two records, a change of keys (number 3), and two more; its old key in other hands."""

    def __init__(self, box) -> None:
        self.box = box
        self.old = box.keys.signing
        box.record(2)
        box.journal.change_key(reason="test", stamp=STAMP)
        box.record(2)
        self.records = box.envelopes()
        assert box.keys.signing != self.old

    def by_thief(self, seq: int, *, prev: bytes | None = None, **changes) -> bytes:
        before = self.chain_hash(seq - 1) if prev is None else prev
        values = {"seq": seq, "prev": before, "epoch": self.box.epoch, "signing_key": self.old}
        return self.box.sealed(**(values | changes))

    def chain_hash(self, seq: int) -> bytes:
        return _hash(self.records[seq - 1])


def _hash(envelope: bytes) -> bytes:
    return hashlib.sha256(cose.protected_bytes(envelope)).digest()


@pytest.fixture
def changed(box) -> Changed:
    return Changed(box)


def kinds(store: Store) -> set[str]:
    with store.reading() as batch:
        return {alert.kind for alert in open_alerts(batch.connection)}


def signing_key(store: Store) -> bytes:
    with store.reading() as batch:
        device = batch.device("box-1")
        assert device is not None
        return device.signing_key


def reached(store: Store, changed: Changed) -> int:
    return acknowledged(store, "box-1", changed.box.epoch)


def test_ok__in_one_batch(store, keys, changed) -> None:
    assert take(store, keys, "box-1", *changed.records).refused == []
    assert reached(store, changed) == 5
    assert signing_key(store) == bytes(changed.box.keys.signing.verify_key)
    assert kinds(store) == {"key_change"}


def test_ok__the_change_comes_first_and_history_behind_it(store, keys, changed) -> None:
    first, second, change, *behind = changed.records
    for message in (change, second, *behind, first):
        assert take(store, keys, "box-1", message).refused == []
    assert reached(store, changed) == 5
    assert take(store, keys, "box-1", *changed.records).refused == [], "and all of it again"


def test_ok__on_either_database(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    changed = Changed(box)
    for message in changed.records:
        assert take(either, keys, "box-1", message).refused == []
    assert signing_key(either) == bytes(box.keys.signing.verify_key)


def test_ok__three_keys(store, keys, changed) -> None:
    changed.box.journal.change_key(reason="again", stamp=STAMP)
    changed.box.record(1)
    records = changed.box.envelopes()
    assert take(store, keys, "box-1", *records).refused == []
    assert reached(store, changed) == 7


def test_fail__the_new_key_before_its_change_is_known(store, keys, changed) -> None:
    first, second, change, fourth, _ = changed.records
    (reason,) = take(store, keys, "box-1", first, second, fourth).refused
    assert "not known here" in reason
    assert take(store, keys, "box-1", change, fourth).refused == [], "sent again, it is taken"
    assert reached(store, changed) == 4


def test_fail__the_new_key_for_a_record_before_the_change(store, keys, changed) -> None:
    take(store, keys, "box-1", changed.records[2])
    forged = changed.by_thief(2, signing_key=changed.box.keys.signing)
    assert take(store, keys, "box-1", forged).refused == [TOO_EARLY]


def test_fail__the_old_key_behind_the_change(store, keys, changed) -> None:
    take(store, keys, "box-1", *changed.records[:3])
    assert take(store, keys, "box-1", changed.by_thief(4)).refused == [GIVEN_UP]
    assert reached(store, changed) == 3
    assert "old_key" in kinds(store)
    assert take(store, keys, "box-1", *changed.records[3:]).refused == [], "the box goes on"
    assert reached(store, changed) == 5


def test_fail__a_stolen_old_key_changes_no_key(store, keys, changed) -> None:
    take(store, keys, "box-1", *changed.records)
    thief_s = SigningKey.generate()
    tries = [
        changed.by_thief(6, next_key=thief_s),
        changed.by_thief(2, next_key=thief_s),
        changed.by_thief(1, prev=envelopes.GENESIS, next_key=thief_s),
        changed.by_thief(1, prev=envelopes.GENESIS, next_key=thief_s, epoch="20270101T000000Z-ffffffff"),
    ]
    assert take(store, keys, "box-1", *tries).refused == [GIVEN_UP] * 4
    assert signing_key(store) == bytes(changed.box.keys.signing.verify_key)
    assert reached(store, changed) == 5, "nor does it stop what the box says"
    assert rows_of(store, "SELECT forked_at FROM epochs") == [(None,)]


def test_fail__a_gap_is_filled_with_a_change(store, keys, changed) -> None:
    """The thief is faster than the history that the box still has to send."""
    take(store, keys, "box-1", changed.records[2])
    forged = changed.by_thief(2, next_key=SigningKey.generate())
    assert take(store, keys, "box-1", forged).refused == [GIVEN_UP]
    assert take(store, keys, "box-1", *changed.records).refused == []


def test_fail__a_new_journal_by_the_old_key(store, keys, changed) -> None:
    take(store, keys, "box-1", *changed.records)
    forged = changed.by_thief(1, prev=envelopes.GENESIS, epoch="20270101T000000Z-ffffffff")
    assert take(store, keys, "box-1", forged).refused == [GIVEN_UP]
    assert len(rows_of(store, "SELECT epoch FROM epochs")) == 1


def test_fail__not_signed_by_the_key_that_it_names(store, keys, changed) -> None:
    """The old key alone cannot name a key that is somebody else's, nor one that the box had."""
    take(store, keys, "box-1", *changed.records)
    forged = changed.by_thief(6, signing_key=STRANGER, next_key=changed.box.keys.signing)
    (reason,) = take(store, keys, "box-1", forged).refused
    assert "not known here" in reason
    back = changed.by_thief(6, signing_key=changed.box.keys.signing, next_key=changed.old)
    assert take(store, keys, "box-1", back).refused == [HAD_BEFORE]


def test_fail__a_known_name_of_a_key_and_another_s_signature(store, keys, changed) -> None:
    header = {"v": 2, cose.KEY_ID: cose.key_id(changed.old.verify_key)}
    forged = cose.sign1(b"", protected=header, signing_key=STRANGER)
    (reason,) = take(store, keys, "box-1", forged).refused
    assert "signature" in reason


def test_ok__a_laid_aside_journal_of_the_old_key(store, keys, box, make_box, tmp_path, capsys) -> None:
    """A journal set aside before the change and delivered after it: by a person's leave alone."""
    aside = make_box("box-1", folder="aside")
    aside.keys.signing = box.keys.signing
    old_records = aside.record(2)
    changed = Changed(box)
    take(store, keys, "box-1", *changed.records)
    assert take(store, keys, "box-1", *old_records).refused == [GIVEN_UP] * 2
    words = ("--database", str(tmp_path / "central.db"))
    assert main(["box-keys", "box-1", "--admit", aside.epoch, *words]) == 2, "nobody says who and why"
    by = ("--by", "someone", "--purpose", "salvaged disk")
    assert main(["box-keys", "box-1", "--admit", aside.epoch, *by, *words]) == 0
    assert take(store, keys, "box-1", *old_records).refused == []
    thief_s = SigningKey.generate()
    forged = changed.by_thief(3, prev=_hash(old_records[1]), epoch=aside.epoch, next_key=thief_s)
    assert take(store, keys, "box-1", forged).refused == [GIVEN_UP]


def test_ok__a_journal_that_was_laid_aside_changes_no_key(store, keys, box, make_box) -> None:
    changed = Changed(box)
    take(store, keys, "box-1", changed.records[0])
    later = make_box("box-1", folder="later")  # the box began anew before it had sent its change
    later.keys.signing = changed.old
    take(store, keys, "box-1", *later.record(1))
    assert take(store, keys, "box-1", *changed.records[:3]).refused == []
    assert signing_key(store) == bytes(changed.old.verify_key)


def test_ok__stored_by_an_older_central_and_sent_again(store, keys, changed) -> None:
    """One that kept the record of the change without knowing what it is; after a resync it is followed."""
    take(store, keys, "box-1", *changed.records[:3])
    old = bytes(changed.old.verify_key)
    with store.batch() as batch:
        batch.connection.exec_driver_sql("DELETE FROM box_keys")
        batch.connection.execute(sa.update(DEVICES).values(signing_key=old))
    assert len(take(store, keys, "box-1", *changed.records[3:]).refused) == 2
    assert take(store, keys, "box-1", *changed.records[2:]).refused == []
    assert reached(store, changed) == 5
    assert signing_key(store) == bytes(changed.box.keys.signing.verify_key)


def test_fail__a_change_that_a_person_has_undone_is_not_replayed(store, keys, changed) -> None:
    take(store, keys, "box-1", *changed.records)
    with store.batch() as batch:
        batch.register("box-1", bytes(changed.old.verify_key), None)
    take(store, keys, "box-1", *changed.records)
    assert signing_key(store) == bytes(changed.old.verify_key)


def test_ok__registered_anew_by_a_person(store, keys, box, make_box) -> None:
    """A box that was reset: another key without a change, and its old records are still read."""
    changed = Changed(box)
    take(store, keys, "box-1", *changed.records)
    reset = make_box("box-1", folder="reset")
    reset.register(store)
    assert take(store, keys, "box-1", *reset.record(1)).refused == []
    box.record(1)
    assert take(store, keys, "box-1", box.envelopes()[-1]).refused == [GIVEN_UP]
    reset.register(store)
    box.register(store)  # and back
    assert take(store, keys, "box-1", box.envelopes()[-1]).refused == []


def test_ok__what_was_stored_is_read_after_the_change(store, keys, changed) -> None:
    take(store, keys, "box-1", *changed.records)
    with store.batch() as batch:
        batch.connection.exec_driver_sql("DELETE FROM record_crossings")
    assert derive(store, keys) == 5


def test_ok__central_orders_it_and_lists_it(store, keys, box, tmp_path, capsys) -> None:
    words = ["--database", str(tmp_path / "central.db")]
    who = ["--keys", str(tmp_path / "central-keys"), "--by", "x", "--purpose", "yearly"]
    assert main(["change-key", "box-1", *who, *words]) == 0
    with store.reading() as batch:
        (command,) = read_message(pending(batch.connection, "box-1"))
    operator = read_command(command, verify_key_for=lambda _: _operator(tmp_path))
    assert type(operator.order).__name__ == "ChangeKey"
    old = box.keys.signing
    box.journal.command(command, stamp=STAMP, now=operator.issued_at, local=lambda *_: {})
    assert box.keys.signing != old
    assert take(store, keys, "box-1", *box.record(1)).refused == []
    with store.reading() as batch:
        (one,) = given(batch.connection)
    assert (one.kind, one.done_at is not None) == ("change_key", True)
    capsys.readouterr()
    assert main(["box-keys", "box-1", "--json", *words]) == 0
    first, second = json.loads(capsys.readouterr().out)["keys"]
    assert first["key"] == cose.key_id(old.verify_key).hex()
    assert (first["until"], second["since"], second["until"]) == ([box.epoch, 2], [box.epoch, 2], None)
    assert main(["box-keys", *words]) == 0
    said = capsys.readouterr().out
    assert "to record 2" in said
    assert "after record 2, now" in said
    assert main(["box-keys", "box-9", *words]) == 2


def _operator(tmp_path):
    return read_key(tmp_path / "central-keys" / "operator.pub", VerifyKey)


def rows_of(store: Store, sql: str) -> list[tuple]:
    return rows(store.database, sql)
