"""`borne officers`, as a supervisor uses it."""

import io
from pathlib import Path

import pytest

from appliance.records import officers

CONFIG = """
[box]
device = "box-1"
post = "North"
profile = "training"
[paths]
data = "{folder}/data"
keys = "{folder}/keys"
[central]
sealing_key = "/none"
watermark_key = "/none"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(officers, "MEMORY", 8192)
    monkeypatch.setattr(officers, "OPS", 1)
    path = tmp_path / "borne.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def typed(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_ok__named_listed_and_removed(borne, config: Path, monkeypatch) -> None:
    at = ("--config", config)
    typed(monkeypatch, "271828", "271828")
    added = borne("officers", "add", "Aida", "--role", "officer", "--role", "second_line", *at)
    assert (added.code, added.out) == (0, "Aida works here as officer, second_line.\n")
    assert borne("officers", "list", *at).out == "Aida: officer, second_line\n"
    listed = borne("officers", "list", "--json", *at)
    assert listed.json == {"officers": [{"name": "Aida", "roles": ["officer", "second_line"]}]}
    assert b"271828" not in (config.parent / "data" / officers.FILE).read_bytes()
    assert borne("officers", "remove", "Aida", *at).code == 0
    nobody = borne("officers", "list", *at)
    assert (nobody.code, nobody.out) == (1, "")
    assert "Nobody is named here" in nobody.err


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        (("271828", "271829"), "The two PINs differ"),
        (("123456", "123456"), "first that anybody would try"),
        (("12", "12"), "6 to 12 digits"),
    ],
)
def test_fail__pins(could_not, config: Path, monkeypatch, pins, said: str) -> None:
    typed(monkeypatch, *pins)
    assert said in could_not("officers", "add", "Aida", "--role", "officer", "--config", config)


def test_fail__nobody_of_that_name_no_configuration_a_damaged_book(could_not, config: Path) -> None:
    assert "no officer called Aida" in could_not("officers", "remove", "Aida", "--config", config)
    assert "none.toml" in could_not("officers", "list", "--config", config.with_name("none.toml"))
    (config.parent / "data").mkdir(exist_ok=True)
    (config.parent / "data" / officers.FILE).write_bytes(b"rot")
    assert "damaged" in could_not("officers", "list", "--config", config)
