"""`borne-central appoint`: a file and a code, both noted, neither of them with the other in it."""

import datetime as dt
import re
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from appliance.contracts.officers import Role
from appliance.key_files import read_key
from appliance.records.appointment import is_code, read_appointment
from central.cli import main
from central.rights.tables import JOURNAL
from central.store import Store

WHO = ["--by", "Zamira", "--purpose", "the post has nobody"]


@pytest.fixture
def central(tmp_path: Path, capsys) -> Path:
    """With a provisioning key, as the first claim makes it."""
    keys = tmp_path / "keys"
    assert main(["keys", "--folder", str(keys)]) == 0
    assert main(["claim", "--claims", str(tmp_path / "claims"), "--keys", str(keys), "box-1"]) == 0
    capsys.readouterr()
    return tmp_path


def appoint(central: Path, *words: str, keys: str = "keys", who: list[str] = WHO) -> int:
    database = ["--database", str(central / "central.db"), "--keys", str(central / keys)]
    out = str(central / "appointment.cose")
    return main(["appoint", "Aida Osmonova", out, "--device", "box-1", *database, *who, *words])


def test_ok__a_file_for_the_stick_and_a_code_for_the_telephone(central: Path, capsys) -> None:
    assert appoint(central, "--hours", "24") == 0
    said = capsys.readouterr()
    code = said.out.strip()
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code)
    assert "No box called box-1 has enrolled yet." in said.err
    data = (central / "appointment.cose").read_bytes()
    key = read_key(central / "keys" / "provisioning.pub", VerifyKey)
    appointment = read_appointment(data, key=key)
    assert (appointment.device, appointment.name, appointment.role) == (
        "box-1",
        "Aida Osmonova",
        Role.SUPERVISOR,
    )
    assert appointment.expires - appointment.not_before == dt.timedelta(hours=24)
    assert is_code(appointment, code)
    store = Store(str(central / "central.db"))
    with store.batch() as batch:
        (row,) = batch.connection.execute(JOURNAL.select()).all()
    store.close()
    assert (row.by, row.action, row.purpose) == ("Zamira", "appoint", "the post has nobody")
    assert appointment.serial in row.outcome
    for letters in (code, code.replace("-", "")):
        assert letters.encode() not in data
        assert letters not in row.outcome


@pytest.mark.parametrize("hours", ["0", "-1", "337", "1e30", "nan"])
def test_fail__for_no_time_or_too_long(central: Path, capsys, hours: str) -> None:
    assert appoint(central, f"--hours={hours}") == 2
    assert capsys.readouterr().out == ""
    assert not (central / "appointment.cose").exists()


def test_fail__nobody_says_who_or_why(central: Path, capsys) -> None:
    assert appoint(central, who=["--by", " ", "--purpose", "x"]) == 2
    assert "Say who" in capsys.readouterr().err
    assert not (central / "appointment.cose").exists()


def test_fail__a_key_that_no_box_knows_is_not_made(central: Path, capsys) -> None:
    assert appoint(central, keys="elsewhere") == 2
    assert "provisioning.key" in capsys.readouterr().err
    assert not (central / "elsewhere").exists()
