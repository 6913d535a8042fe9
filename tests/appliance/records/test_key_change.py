"""The box changes its signing key: the chain verifies over it, and a power cut anywhere leaves one key."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from nacl.signing import SigningKey
from records_common import CENTRAL, CENTRAL_SEALING, NOW, STAMP, chain_of, commit, open_in, opened, order_of
from test_counter import _patient, needs_swtpm, tcti  # noqa: F401 - the fixture

from appliance import cose
from appliance.key_files import KeyFileError, read_key
from appliance.records import envelope as envelopes
from appliance.records import rotation
from appliance.records.commands import ChangeKey
from appliance.records.counter import TpmCounter
from appliance.records.envelope import GENESIS
from appliance.records.errors import CommandError, EnvelopeError, KeyNotChanged
from appliance.records.journal import Journal
from appliance.records.key_change import NEW, OLD, PROOF, Place, change_labels
from appliance.records.keys import BoxKeys, load_box_keys
from appliance.records.vault import BoardVault, TpmVault, Vault

BOARD = BoardVault(bytes(range(32)))
PLACE = Place("box-1", "e1", 1, GENESIS)


def open_with(folder: Path, vault: Vault | None = None, *, begin: bool = True) -> Journal:
    return Journal.open(
        folder / "journal.db",
        keys=load_box_keys(folder / "keys", vault),
        central=CENTRAL,
        device="box-1",
        begin=begin,
    )


def change(box: Journal) -> int:
    return box.change_key(reason="a technician left", stamp=STAMP)


class TestChange:
    def test_ok_the_chain_verifies_over_it(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        commit(box, "c1")
        old = box.signing_key
        seq = change(box)
        commit(box, "c2")
        change(box)
        commit(box, "c3")
        assert (seq, box.signing_key != old) == (2, True)
        assert (box.verify().records, box.verify().problems) == (5, ())
        box.close()
        box = open_in(tmp_path)
        assert box.verify().problems == ()
        assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
            "sealing.key",
            "sealing.pub",
            "signing.key",
            "signing.pub",
            "storage.key",
        ]
        box.close()

    @needs_swtpm
    def test_ok_signing_by_a_tpm_goes_on_over_it(self, tcti: str, tmp_path: Path) -> None:  # noqa: F811
        """Each key in its turn is sealed to the chip; an order of central's, a cut and a restart between."""
        _patient(TpmCounter(tcti))
        vault = TpmVault(tcti)
        box = open_with(tmp_path, vault)
        commit(box, "c1")
        first = box.signing_key
        change(box)
        second = box.signing_key
        commit(box, "c2")
        box.close()
        # cut before the new key took the old one's place: the journal says which counts
        for name, key in (("signing-next", second), ("signing", first)):
            (tmp_path / "keys" / f"{name}.sealed").write_bytes(vault.protect(name, bytes(key)))
        box = open_with(tmp_path, vault)
        assert (box.signing_key, box.key_tier) == (second, "tpm")
        commit(box, "c3")
        order = order_of(ChangeKey(reason="a technician left"))
        assert box.command(order, stamp=STAMP, now=NOW, local=lambda *_: {})
        commit(box, "c4")
        assert (box.verify().records, box.verify().problems) == (7, ())
        box.close()
        box = open_with(tmp_path, vault)
        assert box.signing_key not in (first, second)
        commit(box, "c5")
        assert box.verify().problems == ()
        box.close()
        left = {path.name for path in (tmp_path / "keys").iterdir()}
        assert left == {"sealing.pub", "signing.pub", "sealing.sealed", "signing.sealed", "storage.sealed"}

    def test_ok_both_keys_have_signed_the_record(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        old = box.signing_key.verify_key
        change(box)
        (record,) = box.page(0, 1)
        assert record.alert, "central hears of the key before what it signs"
        sealed = envelopes.verify(record.envelope, verify_key_for=lambda _: old)
        assert sealed.change is not None
        assert (sealed.change.old, sealed.change.new) == (old, box.signing_key.verify_key)
        body = envelopes.open_(sealed, private_key=CENTRAL_SEALING).body
        assert body["new"] == cose.key_id(box.signing_key.verify_key)
        assert body["reason"] == "a technician left"
        box.close()

    def test_ok_public_half_and_modes(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        change(box)
        keys = tmp_path / "keys"
        assert (keys / "signing.pub").read_text("ascii").split()[1] == bytes(box.signing_key.verify_key).hex()
        assert stat.S_IMODE((keys / "signing.key").stat().st_mode) == 0o600
        assert stat.S_IMODE((keys / "signing.pub").stat().st_mode) == 0o644
        box.close()

    def test_ok_under_the_board_s_key(self, tmp_path: Path) -> None:
        box = open_with(tmp_path, BOARD)
        change(box)
        commit(box, "c1")
        new = box.signing_key
        box.close()
        box = open_with(tmp_path, BOARD)
        assert (box.signing_key, box.verify().problems) == (new, ())
        assert not (tmp_path / "keys" / "signing.key").exists(), "nothing lies there in the clear"
        box.close()

    def test_ok_by_central_s_order_once(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        old = box.signing_key
        order = order_of(ChangeKey(reason="the yearly change"))

        def obey() -> bool:
            return box.command(order, stamp=STAMP, now=NOW, local=lambda *_: {})

        assert obey()
        new = box.signing_key
        assert new != old
        assert not obey()
        assert box.signing_key == new, "an order that comes again changes nothing"
        assert not (tmp_path / "keys" / "signing-next.key").exists()
        assert [opened_by(box, seq, key).type for seq, key in ((1, old), (2, old))] == [
            "command",
            "key_change",
        ]
        assert box.verify().problems == ()
        box.close()

    def test_fail_an_order_that_is_too_late(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        old = box.signing_key
        order = order_of(ChangeKey(reason="x"), expires=NOW)
        with pytest.raises(CommandError):
            box.command(order, stamp=STAMP, now=NOW.replace(year=2027), local=lambda *_: {})
        assert (box.signing_key, box.status().last_seq) == (old, 0)
        assert not (tmp_path / "keys" / "signing-next.key").exists()
        box.close()

    def test_fail_no_room_for_the_new_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        box = open_in(tmp_path)
        old = box.signing_key
        full = OSError(28, "No space left on device")

        def refuse(*_: object, **__: object) -> None:
            raise full

        monkeypatch.setattr("appliance.records.keys.write_whole", refuse)
        with pytest.raises(KeyNotChanged):
            change(box)
        monkeypatch.undo()
        commit(box, "c1")
        assert (box.signing_key, box.verify().problems) == (old, ())
        box.close()

    def test_ok_the_disk_fills_behind_the_commit(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        box = open_in(tmp_path)
        full = KeyFileError("full")

        def refuse(*_: object) -> None:
            raise full

        monkeypatch.setattr("appliance.records.keys.KeyFolder.finish", refuse)
        change(box)
        new = box.signing_key
        commit(box, "c1")
        monkeypatch.undo()
        box.close()
        box = open_in(tmp_path)
        assert (box.signing_key, box.verify().problems) == (new, ())
        assert read_key(tmp_path / "keys" / "signing.key", SigningKey) == new
        box.close()

    def test_fail_keys_that_lie_nowhere(self, tmp_path: Path) -> None:
        keys = load_box_keys(tmp_path / "keys")
        box = Journal.open(
            tmp_path / "journal.db",
            keys=BoxKeys(keys.signing, keys.sealing, keys.storage),
            central=CENTRAL,
            device="box-1",
        )
        with pytest.raises(KeyNotChanged):
            change(box)
        box.close()

    def test_ok_the_old_record_went_with_retention(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        change(box)
        commit(box, "c1")
        # as retention leaves it: the chain begins behind the change
        box._connection.execute("UPDATE meta SET value = 1 WHERE name = 'base_seq'")
        box._connection.execute("UPDATE meta SET value = ? WHERE name = 'base_hash'", (chain_of(box, 1),))
        box._connection.execute("DELETE FROM records WHERE seq = 1")
        assert box.verify().problems == ()
        box.close()
        box = open_in(tmp_path)
        assert box.verify().problems == ()
        box.close()


class TestForged:
    """Central's and any verifier's side."""

    def sealed(self, old: SigningKey, new: SigningKey, **labels: Any) -> bytes:
        """The record of a change whose header says something else, signed by `old`."""
        envelope, _ = envelopes.seal(
            record_type="key_change",
            body={},
            device="box-1",
            epoch="e1",
            seq=1,
            prev=GENESIS,
            stamp=STAMP,
            signing_key=old,
            recipient=CENTRAL_SEALING.public_key,
            next_key=new,
        )
        header = cbor2.loads(cose.protected_bytes(envelope)) | labels
        header = {name: value for name, value in header.items() if value is not None and name not in (1, 4)}
        return cose.sign1(b"", protected=header, signing_key=old, attachments=cose.attachments_of(envelope))

    @pytest.mark.parametrize("label", [OLD, NEW, PROOF])
    def test_fail_without_one_of_the_three(self, label: str) -> None:
        old, new = SigningKey.generate(), SigningKey.generate()
        with pytest.raises(EnvelopeError, match="change of keys"):
            envelopes.verify(self.sealed(old, new, **{label: None}), verify_key_for=lambda _: old.verify_key)

    @pytest.mark.parametrize("value", [b"", b"x" * 31, 7, "text"])
    def test_fail_a_key_that_is_none(self, value: object) -> None:
        old, new = SigningKey.generate(), SigningKey.generate()
        with pytest.raises(EnvelopeError, match="change of keys"):
            envelopes.verify(self.sealed(old, new, **{NEW: value}), verify_key_for=lambda _: old.verify_key)

    def test_fail_a_key_that_is_not_the_thief_s(self) -> None:
        old, new, victim = (SigningKey.generate() for _ in range(3))
        forged = self.sealed(old, new, **{NEW: bytes(victim.verify_key)})
        with pytest.raises(EnvelopeError, match="not signed by the new key"):
            envelopes.verify(forged, verify_key_for=lambda _: old.verify_key)

    @pytest.mark.parametrize(
        "place",
        [
            Place("box-2", "e1", 1, GENESIS),
            Place("box-1", "e2", 1, GENESIS),
            Place("box-1", "e1", 2, GENESIS),
            Place("box-1", "e1", 1, b"x" * 32),
        ],
    )
    def test_fail_the_new_key_s_word_is_for_another_place(self, place: Place) -> None:
        old, new = SigningKey.generate(), SigningKey.generate()
        forged = self.sealed(old, new, **{PROOF: change_labels(old, new, place)[PROOF]})
        with pytest.raises(EnvelopeError, match="not signed by the new key"):
            envelopes.verify(forged, verify_key_for=lambda _: old.verify_key)

    def test_fail_it_begins_at_another_key(self) -> None:
        old, new, other = (SigningKey.generate() for _ in range(3))
        labels = change_labels(other, new, PLACE)
        with pytest.raises(EnvelopeError, match="begins at a key"):
            envelopes.verify(self.sealed(old, new, **labels), verify_key_for=lambda _: old.verify_key)

    def test_fail_a_record_by_the_old_key_behind_the_change(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        old = box.signing_key
        change(box)
        box._keys.signing = old  # as a thief who has the old key would go on
        commit(box, "c1")
        box._keys.signing = read_key(tmp_path / "keys" / "signing.key", SigningKey)
        (problem,) = box.verify().problems
        assert problem.startswith("record 2:")
        box.close()

    def test_fail_a_changed_record_of_the_change(self, tmp_path: Path) -> None:
        box = open_in(tmp_path)
        commit(box, "c1")
        change(box)
        (record,) = box.page(1, 1)
        damaged = record.envelope.replace(NEW.encode(), b"neu_key")
        box._connection.execute("UPDATE records SET envelope = ? WHERE seq = 2", (damaged,))
        assert box.verify().problems != ()
        box.close()


class Cut(BaseException):
    """The power goes."""


class Cuts:
    """Copies the folder at each step that changes it, as it stood before: what a cut there leaves."""

    def __init__(self, folder: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.images, self.steps = folder, images, list[str]()
        for owner, name in ((os, "fsync"), (os, "open"), (Path, "replace"), (Path, "unlink")):
            monkeypatch.setattr(owner, name, self._before(name, getattr(owner, name)))
        self._undo = monkeypatch.undo

    def look(self, step: str) -> None:
        image = self.images / f"{len(self.steps):02}"
        self.steps.append(step)
        shutil.copytree(self.folder, image)

    def _before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self._copying = getattr(self, "_copying", False)
            if not self._copying:
                self._copying = True
                self.look(name)
                self._copying = False
            return real(*arguments, **named)

        return wrapped


class Watched:
    """The journal's connection; its commit is a step."""

    def __init__(self, connection: Any, cuts: Cuts) -> None:
        self._connection, self._cuts = connection, cuts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql != "COMMIT":
            return self._connection.execute(sql, *values)
        self._cuts._copying = True
        self._cuts.look("before COMMIT")
        done = self._connection.execute(sql)
        self._cuts.look("behind COMMIT")
        self._cuts._copying = False
        return done


@pytest.mark.parametrize("vault", [None, BOARD], ids=["software", "board"])
def test_ok__a_cut_at_every_step_leaves_a_working_box(
    tmp_path: Path, vault: Vault | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "box"
    box = open_with(folder, vault)
    commit(box, "c1")
    old = box.signing_key
    with monkeypatch.context() as patched:
        cuts = Cuts(folder, tmp_path / "images", patched)
        box._connection = Watched(box._connection, cuts)  # type: ignore[assignment]
        change(box)
        cuts._copying = True
        cuts.look("done")
    new = box.signing_key
    box.close()
    assert {"before COMMIT", "behind COMMIT", "replace", "unlink", "fsync", "done"} <= set(cuts.steps)
    committed = cuts.steps.index("behind COMMIT")
    for number, step in enumerate(cuts.steps):
        image = tmp_path / "images" / f"{number:02}"
        looker = open_with(image, vault, begin=False)  # whoever only looks sees the same, and writes nothing
        assert looker.verify().problems == (), step
        looker.close()
        for _ in range(2):  # and once more: the first start has brought it to its end
            again = open_with(image, vault)
            assert again.signing_key == (new if number >= committed else old), f"{number}: {step}"
            commit(again, f"c{number}")
            assert again.verify().problems == (), f"{number}: {step}"
            left = [path.name for path in (image / "keys").iterdir() if "signing-next" in path.name]
            assert [name for name in left if not name.startswith(".")] == []
            said = (image / "keys" / "signing.pub").read_text("ascii").split()[1]
            assert said == bytes(again.signing_key.verify_key).hex()
            again.close()
        assert rotation_works(image, vault)


def rotation_works(image: Path, vault: Vault | None) -> bool:
    box = open_with(image, vault)
    before = box.signing_key
    change(box)
    commit(box, "after")
    fine = box.signing_key != before and box.verify().problems == ()
    box.close()
    return fine


def test_fail__a_commit_that_fails_leaves_the_old_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = open_in(tmp_path)
    old = box.signing_key

    def cut(*_: object, **__: object) -> int:
        raise Cut

    monkeypatch.setattr(rotation, "append", cut)
    with pytest.raises(Cut):
        change(box)
    monkeypatch.undo()
    assert box.signing_key == old
    assert not (tmp_path / "keys" / "signing-next.key").exists()
    commit(box, "c1")
    assert box.verify().problems == ()
    box.close()


def opened_by(box: Journal, seq: int, key: SigningKey) -> envelopes.Opened:
    (record,) = box.page(seq - 1, 1)
    sealed = envelopes.verify(record.envelope, verify_key_for=lambda _: key.verify_key)
    return envelopes.open_(sealed, private_key=CENTRAL_SEALING)


def test_ok__what_follows_is_signed_by_the_new_key(tmp_path: Path) -> None:
    box = open_in(tmp_path)
    change(box)
    commit(box, "c1")
    assert opened(box, 2).type == "movement"
    box.close()
