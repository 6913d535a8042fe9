"""Three generations of firmware live at once: boxes of each, into one central, in one transaction."""

from pathlib import Path

from central_common import acknowledged, rows, take
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from central.keys import Keys

FIXTURES = Path(__file__).parents[1] / "appliance" / "records" / "fixtures"
BOX = SigningKey(bytes([1]) * 32)
KEYS = Keys(sealing=PrivateKey(bytes(range(32))), watermark=SigningKey(bytes(range(32, 64))))
BOXES = {"v1": "box-1", "v2": "box-2", "next": "box-3"}


def test_ok__records_of_each_are_taken_and_signed_for(store, tmp_path: Path) -> None:
    with store.batch() as batch:
        for device in BOXES.values():
            batch.register(device, bytes(BOX.verify_key), None)
    for generation, device in BOXES.items():
        files = sorted((FIXTURES / generation).glob("record-*.cose"))
        result = take(store, KEYS, device, *(file.read_bytes() for file in files))
        assert result.refused == []
        (epoch,) = result.epochs
        reached = acknowledged(store, device, epoch)
        assert reached == len(files)
    found = rows(tmp_path / "central.db", "SELECT device, type FROM records ORDER BY device, seq")
    assert [kind for device, kind in found if device == "box-1"] == ["movement"] * 4
    assert [kind for device, kind in found if device == "box-2"] == ["movement", "media", "retention"]
    assert [kind for device, kind in found if device == "box-3"] == ["movement", "attestation"]
    crossings = rows(
        tmp_path / "central.db", "SELECT device, primary_identifier FROM crossings ORDER BY device"
    )
    assert crossings[0][1] == "ERIKSSON"
