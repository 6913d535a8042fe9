"""Central's signed list of keys, as a box reads it."""

import datetime as dt

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.key_files import write_key
from appliance.records.central_keys import CentralRing
from appliance.records.keys import CentralKeys
from appliance.records.manifest import Use, read_manifest
from central.cli import main

NOW = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path):
    assert main(["keys", "--folder", str(tmp_path / "keys")]) == 0
    write_key(tmp_path / "authority.key", SigningKey(bytes(range(32))))
    write_key(tmp_path / "next.pub", PrivateKey(bytes(range(32))).public_key)
    return tmp_path


def listing(folder, *, version: str = "1", changes: tuple[str, ...] = ()) -> list[str]:
    keys = changes or (
        f"sealing={folder}/keys/sealing.pub,2026-01-01,2027-01-01",
        f"sealing={folder}/next.pub,2026-10-01,2028-01-01",
        f"watermark={folder}/keys/watermark.pub,2026-01-01,2028-01-01",
        f"operator={folder}/keys/operator.pub,2026-01-01,2028-01-01",
    )
    named = [word for key in keys for word in ("--key", key)]
    return ["key-list", str(folder / "list"), "--authority-key", str(folder / "authority.key")] + [
        *("--version", version),
        *named,
    ]


def test_ok__a_box_takes_it_and_seals_to_the_next_key(folder) -> None:
    assert main(listing(folder)) == 0
    authority = SigningKey(bytes(range(32))).verify_key
    data = (folder / "list").read_bytes()
    manifest = read_manifest(data, verify_key_for=lambda _: authority)
    assert [key.use for key in manifest.keys] == [Use.SEALING, Use.SEALING, Use.WATERMARK, Use.OPERATOR]
    old = CentralKeys(PrivateKey.generate().public_key, SigningKey.generate().verify_key)
    ring = CentralRing(old, authority=authority, folder=folder)
    assert ring.install(data)
    assert bytes(ring.sealing(NOW)) == bytes(PrivateKey(bytes(range(32))).public_key)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("sealing={f}/next.pub,2026-01-01,2027-01-01",), "at least one sealing and one watermark"),
        (("signing={f}/next.pub,2026-01-01,2027-01-01",), "--key takes"),
        (("sealing={f}/next.pub,2026-01-01",), "--key takes"),
        (("sealing={f}/next.pub,2026-01-01,2025-01-01",), "ends before it begins"),
        (("sealing={f}/next.pub,yesterday,2025-01-01",), "isoformat"),
        (("watermark={f}/next.pub,2026-01-01,2027-01-01",), "other than"),
    ],
)
def test_fail__one_line_and_nothing_signed(folder, capsys, changes, said) -> None:
    assert main(listing(folder, changes=tuple(one.replace("{f}", str(folder)) for one in changes))) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "list").exists()


def test_fail__a_list_is_never_overwritten(folder) -> None:
    assert main(listing(folder)) == 0
    before = (folder / "list").read_bytes()
    assert main(listing(folder, version="2")) == 2
    assert (folder / "list").read_bytes() == before
