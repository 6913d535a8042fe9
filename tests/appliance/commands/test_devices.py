from pathlib import Path

import pytest

import appliance.commands.devices as command
from appliance.simulation.portraits import draw_portrait

BASE = (
    '[box]\ndevice = "d"\npost = "p"\nprofile = "demo"\n[central]\nsealing_key = "/s"\nwatermark_key = "/w"\n'
)


def table(kind: str, driver: str, **options: str) -> str:
    inside = ", ".join(f'{name} = "{value}"' for name, value in options.items())
    return f'[[device]]\nkind = "{kind}"\ndriver = "{driver}"\noptions = {{ {inside} }}\n'


@pytest.fixture
def config(tmp_path: Path):
    def make(*tables: str) -> Path:
        file = tmp_path / "borne.toml"
        file.write_text(BASE + "".join(tables))
        return file

    return make


def test_ok__nothing_configured(borne, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "CONFIG", tmp_path / "none.toml")
    answer = borne("devices", "--json")
    assert (answer.code, answer.json["configured"]) == (0, [])
    assert set(answer.json) == {"found", "not_looked", "configured"}
    assert borne("devices").out.startswith("Plugged in:\n")


def test_ok__configured_and_ready(borne, config, tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(draw_portrait(1))
    tables = (
        table("camera", "file", path=str(tmp_path / "face.jpg")),
        table("document_reader", "simulated"),
    )
    answer = borne("devices", "--config", config(*tables), "--json")
    assert answer.code == 0
    camera, reader = answer.json["configured"]
    assert (camera["state"], reader["state"]) == ("READY", "READY")
    assert reader["simulated"] is True
    assert camera["capabilities"]
    assert "(simulated)" in borne("devices", "--config", config(*tables)).out


def test_fail__one_is_not_there(borne, config) -> None:
    file = config(table("document_reader", "mrz_line", port="/dev/none"), table("panel", "simulated"))
    answer = borne("devices", "--config", file, "--json")
    assert answer.code == 1
    reader, panel = answer.json["configured"]
    assert reader["state"] != "READY"
    assert "/dev/none" in reader["problem"]
    assert panel["state"] == "READY"
    assert "/dev/none" in borne("devices", "--config", file).out


def test_fail__configuration(could_not, config) -> None:
    assert "/nowhere.toml" in could_not("devices", "--config", "/nowhere.toml")
    file = config(table("panel", "simulated"), table("panel", "telepathy"))
    assert f"{file}: line 14: There is no driver `telepathy`" in could_not("devices", "--config", file)
    file = config(table("panel", "simulated"), table("camera", "file", pth="x"))
    said = could_not("devices", "--config", file)
    assert f"{file}: line 15: There is no option `pth`" in said
    assert "Did you mean `path`?" in said
