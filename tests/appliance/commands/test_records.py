import sqlite3
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.config import load_config
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import ChangeKey, Correct, Corrected, KeyChanged, Retained
from appliance.contracts.movement import Stamp
from appliance.key_files import write_key
from appliance.opening import open_journal
from appliance.records import envelope

STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
CENTRAL = PrivateKey(bytes(range(32)))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a box with three records."""
    write_key(tmp_path / "sealing.pub", CENTRAL.public_key)
    write_key(tmp_path / "watermark.pub", SigningKey.generate().verify_key)
    file = tmp_path / "borne.toml"
    file.write_text(
        f'[box]\ndevice = "box-1"\npost = "p"\n[paths]\ndata = "{tmp_path}/data"\nkeys = "{tmp_path}/keys"\n'
        f'[central]\nsealing_key = "{tmp_path}/sealing.pub"\nwatermark_key = "{tmp_path}/watermark.pub"\n'
    )
    box = open_journal(load_config(file))
    for number in range(3):
        box.commit(f"c{number}", "movement", {"number": number}, STAMP)
    box.close()
    return file


def test_ok__verify(borne, config: Path) -> None:
    answer = borne("records", "verify", "--config", config, "--json")
    assert answer.code == 0
    assert (answer.json["records"], answer.json["problems"]) == (3, [])
    assert answer.json["epoch"] in borne("records", "verify", "--config", config).out


def test_fail__verify(borne, config: Path) -> None:
    with sqlite3.connect(config.parent / "data" / "journal.db") as connection:
        connection.execute("DELETE FROM records WHERE seq = 2")
    connection.close()
    answer = borne("records", "verify", "--config", config, "--json")
    assert (answer.code, answer.json["records"]) == (1, 2)
    assert "record 2: missing" in answer.json["problems"]
    assert "record 2: missing\n" in borne("records", "verify", "--config", config).out


def test_ok__export(borne, config: Path, tmp_path: Path) -> None:
    answer = borne("records", "export", tmp_path / "out", "--config", config, "--json")
    assert (answer.code, answer.json["records"]) == (0, 3)
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name.rpartition("-")[2] for file in files] == [f"{n:08}.cose" for n in (1, 2, 3)]
    box = open_journal(load_config(config))
    key = box._keys.signing.verify_key
    box.close()
    for number, file in enumerate(files):
        sealed = envelope.verify(file.read_bytes(), verify_key_for=lambda _: key)
        assert envelope.open_(sealed, private_key=CENTRAL).body == {"number": number}


def test_ok__export_goes_on(borne, config: Path, tmp_path: Path) -> None:
    answer = borne("records", "export", tmp_path / "out", "--after", 2, "--config", config)
    assert (answer.code, len(list((tmp_path / "out").iterdir()))) == (0, 1)
    assert answer.out.startswith("1 sealed records of epoch ")


def test_fail__export(could_not, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    could_not("records", "export", tmp_path / "file", "--config", config)


@pytest.mark.parametrize("action", [("verify",), ("export", "out")])
def test_fail__nothing_there_and_nothing_made(could_not, config: Path, tmp_path: Path, action) -> None:
    elsewhere = config.read_text().replace("/data", "/elsewhere").replace('/keys"', '/other-keys"')
    config.write_text(elsewhere)
    assert "There is no journal" in could_not("records", *action, "--config", config)
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "other-keys").exists()


@pytest.mark.parametrize("action", [("verify",), ("export", "out")])
def test_fail__a_damaged_one_is_left_as_it_is(could_not, config: Path, tmp_path: Path, action) -> None:
    file = tmp_path / "data" / "journal.db"
    file.write_bytes(rubbish := b"rubbish" * 1000)
    assert "is damaged" in could_not("records", *action, "--config", config)
    assert file.read_bytes() == rubbish
    assert not list(tmp_path.glob("data/*.corrupt-*"))


def test_ok__verify_names_a_damaged_one_beside_it(borne, config: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "journal.db").write_bytes(b"rubbish" * 1000)
    open_journal(load_config(config)).close()
    answer = borne("records", "verify", "--config", config, "--json")
    assert (answer.code, answer.json["records"], answer.json["notices"]) == (0, 0, ["database_set_aside"])
    assert "A damaged journal lies beside this one" in borne("records", "verify", "--config", config).out


@pytest.mark.parametrize("action", [("verify",), ("export", "out")])
def test_fail__cannot_be_opened(could_not, config: Path, action: tuple[str, ...]) -> None:
    assert "cannot be read" in could_not("records", *action, "--config", "/nowhere/borne.toml")
    box = open_journal(load_config(config))
    assert "stop it first" in could_not("records", *action, "--config", config)
    box.close()


# What the running box does


class Lane:
    """The running box's socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def close(self) -> None:
        pass

    async def retain(self, request: object) -> Retained:
        return Retained(records_removed=3, media_dropped=2, bytes_freed=10, forgotten=1)

    async def change_key(self, request: ChangeKey) -> KeyChanged:
        if not request.reason:
            raise ServiceError("no_reason", "A change of keys has a reason.")
        return KeyChanged(seq=9, key="0f" * 16)

    async def correct(self, request: Correct) -> Corrected:
        if request.values == {"shoe_size": "9"}:
            raise ServiceError("not_correctable", "A correction names fields of the document.")
        return Corrected(seq=9, corrects=4 if request.crossing == "c4" else None)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.contracts.lane.LaneClient", Lane)


def test_ok__retain(borne, running, config: Path) -> None:
    answer = borne("records", "retain", "--config", config, "--json")
    assert answer.json == {"records_removed": 3, "media_dropped": 2, "bytes_freed": 10, "forgotten": 1}
    assert "3 records removed" in borne("records", "retain", "--config", config).out


def test_ok__change_key(borne, running, config: Path) -> None:
    words = ("records", "change-key", "--reason", "yearly", "--config", config)
    assert borne(*words, "--json").json == {"seq": 9, "key": "0f" * 16}
    assert borne(*words).out == f"record 9 changes the key; from the next one on {'0f' * 16} signs\n"


def test_fail__change_key(could_not, running, config: Path) -> None:
    could_not("records", "change-key", "--reason", "", "--config", config)


def test_ok__correct(borne, running, config: Path) -> None:
    words = ("records", "correct", "c4", "birth_date=1974-08-12", "--reason", "misread", "--config", config)
    assert borne(*words, "--json").json == {"seq": 9, "corrects": 4}
    assert borne(*words).out == "record 9 corrects record 4\n"
    words = ("records", "correct", "c5", "sex=F", "--reason", "misread", "--config", config)
    assert "no longer has" in borne(*words).out


def test_fail__correct(could_not, running, config: Path) -> None:
    words = ("records", "correct", "c4", "--reason", "misread", "--config", config)
    assert "FIELD=VALUE" in could_not(*words, "birth_date")
    assert "names fields" in could_not(*words, "shoe_size=9")


def test_fail__no_box_runs(could_not, config: Path) -> None:
    config.write_text(config.read_text().replace("[central]", f'run = "{config.parent}"\n[central]'))
    assert "does not answer" in could_not("records", "retain", "--config", config)
    assert "cannot be read" in could_not("records", "retain", "--config", "/nowhere/borne.toml")


# Journals that were set aside


def test_ok__export_of_those_that_were_set_aside(borne, could_not, config: Path, tmp_path: Path) -> None:
    assert "No journal was set aside" in could_not(
        "records", "export", tmp_path / "out", "--set-aside", "--config", config
    )
    data = tmp_path / "data"
    (data / "journal.db").rename(data / "journal.db.corrupt-20261102T080000Z-aa")
    (data / "journal.db.behind-20261102T090000Z-bb").write_bytes(b"rubbish")
    answer = borne("records", "export", tmp_path / "out", "--set-aside", "--config", config, "--json")
    assert (answer.code, answer.json["records"]) == (0, 3)
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert "Nothing can be read" in answer.err
    assert "cannot be read" in could_not(
        "records", "export", tmp_path / "out", "--set-aside", "--config", "/nowhere/borne.toml"
    )
