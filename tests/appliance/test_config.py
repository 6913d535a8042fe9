import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import ConfigError, Profile, line_of, load_config
from appliance.contracts import wire

GOOD = """\
[box]
device = "post-7"
post = "Hill post"
profile = "demo"

[central]
sealing_key = "sealing.pub"
watermark_key = "watermark.pub"

[[device]]
kind = "camera"
driver = "file"
options = { path = "picture.png" }

[[device]]
kind = "panel"
driver = "keyboard"
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "borne.toml"
    path.write_text(text)
    return load_config(path)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return str(caught.value)


def test_ok(tmp_path):
    config = load(tmp_path, GOOD)
    assert config.box.profile is Profile.DEMO
    assert [device.driver for device in config.device] == ["file", "keyboard"]
    assert config.paths.policy is None


def test_fail_wrong_key_names_key_line_allowed_and_guess(tmp_path):
    said = complaint(tmp_path, GOOD.replace('driver = "keyboard"', 'drver = "keyboard"'))
    assert "line 17" in said
    assert "`drver`" in said
    assert "kind, driver, options" in said
    assert "Did you mean `driver`?" in said


def test_fail_wrong_section(tmp_path):
    said = complaint(tmp_path, GOOD.replace("[central]", "[centrl]"))
    assert "line 6" in said
    assert "Did you mean `central`?" in said


def test_fail_wrong_choice_names_the_choices(tmp_path):
    said = complaint(tmp_path, GOOD.replace('"demo"', '"dmeo"'))
    assert "line 4" in said
    assert "production, demo, training" in said
    assert "Did you mean `demo`?" in said


def test_fail_wrong_type(tmp_path):
    said = complaint(tmp_path, GOOD.replace('"Hill post"', "7"))
    assert "line 3" in said
    assert "Expected `str`, got `int`" in said


@pytest.mark.parametrize("name", ["a/b", "#", "+", "", " x", "-x", "é", "x" * 65, "x\\n"])
def test_fail_a_name_that_would_reach_beyond_its_topics(tmp_path, name):
    said = complaint(tmp_path, GOOD.replace("post-7", name))
    assert "line 2: `box.device`: 1 to 64 letters, digits, - and _" in said


@given(st.text(max_size=70))
def test_ok_a_name_is_one_that_the_wire_takes(tmp_path_factory, name):
    text = GOOD.replace('"post-7"', json.dumps(name, ensure_ascii=True).replace("\\u007f", "\x7f"))
    try:
        load(tmp_path_factory.mktemp("config"), text)
    except ConfigError:
        with pytest.raises(wire.WireError):
            wire.check_name(name)
    else:
        assert wire.check_name(name) == name


@pytest.mark.parametrize("port", [-1, 65536, 10**30])
def test_fail_a_port_that_no_machine_has(tmp_path, port):
    assert "line 19: `kiosk.port`" in complaint(tmp_path, f"{GOOD}[kiosk]\nport = {port}\n")


def test_ok_the_line_of_a_key_that_was_found_wrong_later(tmp_path):
    load(tmp_path, GOOD)
    file = tmp_path / "borne.toml"
    assert line_of(file, "device", 1, "driver") == 17
    assert line_of(file, "device", 0, "options", "path") == 13
    assert line_of(file, "device", 1, "options", "baud") == 15, "not there: its table"
    assert line_of(file, "kiosk", "port") == 1


def test_fail_the_line_in_a_file_that_is_gone(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        line_of(tmp_path / "borne.toml", "box")


@pytest.mark.parametrize("value", ["5", "true", "1.5", '["a"]', "{ a = 1 }", "1979-05-27"])
@pytest.mark.parametrize("key", ["data", "keys", "run", "policy"])
def test_fail_a_path_that_is_none(tmp_path, key, value):
    said = complaint(tmp_path, f"{GOOD}[paths]\n{key} = {value}\n")
    assert f"line 19: `paths.{key}`: Expected `" in said


def test_fail_missing_key(tmp_path):
    assert "`post` is missing in box" in complaint(tmp_path, GOOD.replace('post = "Hill post"\n', ""))


def test_fail_not_toml_says_where(tmp_path):
    assert "line 6" in complaint(tmp_path, GOOD.replace("[central]", "[central"))


def test_fail_no_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "nothing.toml")


def test_fail_not_text(tmp_path):
    path = tmp_path / "borne.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(path)


def test_fail_too_large(tmp_path):
    assert "larger than" in complaint(tmp_path, "#" * 300_000)


@given(st.text(max_size=200))
def test_fail_any_text_is_a_config_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("config") / "borne.toml"
    path.write_text(text, "utf-8", newline="")
    with pytest.raises(ConfigError):
        load_config(path)
