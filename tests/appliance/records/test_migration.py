"""A journal as the first firmware wrote it: opened, gone on with, and its records read."""

import shutil
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.secret import SecretBox
from nacl.signing import SigningKey
from records_common import CENTRAL, CENTRAL_SEALING, NOW, STAMP, commit, opened, order_of, word_for

from appliance.records import database, envelope
from appliance.records.commands import Action, Rights
from appliance.records.journal import Journal
from appliance.records.keys import BoxKeys

V1 = Path(__file__).parent / "fixtures" / "v1"
KEYS = BoxKeys(
    signing=SigningKey(bytes([1]) * 32),
    sealing=PrivateKey(bytes([2]) * 32),
    storage=SecretBox(bytes([3]) * 32),
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copy(V1 / "journal.db", tmp_path)
    return tmp_path / "journal.db"


def open_old(path: Path) -> Journal:
    return Journal.open(path, keys=KEYS, central=CENTRAL, device="box-1")


def test_ok__it_goes_on(old: Path) -> None:
    for _ in range(2):
        box = open_old(old)
        assert box.notices == ()
        assert (box.status().last_seq, box.status().acknowledged_seq) == (4, 2)
        assert box.verify().problems == ()
        crossing = box.open_crossing()
        assert crossing is not None
        assert (crossing.crossing, crossing.events) == ("open", (b"first step", b"second step"))
        assert opened(box, 3).body["crossing"] == "crossing-3"
        box.close()
    box = open_old(old)
    assert commit(box, "open") == 5
    assert box.acknowledge(word_for(box, 5)).unsent == 0
    assert box.verify().problems == ()
    box.close()


def test_ok__a_cut_in_the_middle(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(database, "_NEW_VALUES", {"last_seq": 0})  # a name that is there already
        with pytest.raises(Exception, match="UNIQUE"):
            open_old(old)
    box = open_old(old)
    assert (box.notices, box.status().last_seq) == ((), 4)
    box.close()


def test_ok__what_has_no_key_of_its_own_cannot_be_erased_before_its_time(old: Path) -> None:
    box = open_old(old)
    order = Rights(request="R", purpose="erasure", action=Action.ERASE, epoch=box.status().epoch, seqs=(1,))
    box.command(order_of(order), stamp=STAMP, now=NOW, local=lambda *_: {})
    assert opened(box, 5).body["erased"] == []
    assert box.verify().problems == ()
    box.close()


@pytest.mark.parametrize("seq", range(1, 5))
def test_ok__its_records(seq: int) -> None:
    data = (V1 / f"record-{seq}.cose").read_bytes()
    sealed = envelope.verify(data, verify_key_for=lambda _: KEYS.signing.verify_key)
    assert (sealed.version, sealed.key, sealed.header.seq) == (1, None, seq)
    body = envelope.open_(sealed, private_key=CENTRAL_SEALING).body
    assert body == {"crossing": f"crossing-{seq}", "picture": bytes(100)}
