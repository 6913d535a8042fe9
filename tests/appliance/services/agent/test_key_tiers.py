"""Where the card says that the box's keys belong, there they are made: in a TPM (swtpm: emulated), under the
board's key, in files; and what a card may say of its post."""

import os
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "records"))

from provisioning_scripted import NAME, TOKEN, Post
from test_counter import _patient, needs_swtpm, tcti  # noqa: F401 - the fixture

from appliance.config import KeyTier, load_config
from appliance.opening import box_keys, of_post
from appliance.records.counter import TpmCounter

POST = """
[post]
hub = "post-7-lane-1"
address = "192.168.7.1"
ca = "/etc/borne/post/post-ca.pem"
certificate = "/etc/borne/post/box.pem"
key = "/etc/borne/post/box.pem"
members = "/etc/borne/post/members"
"""


@pytest.fixture
def post(tmp_path) -> Post:
    return Post(tmp_path)


def protected_by(post: Post, lines: str) -> None:
    text = (post.card / "device.toml").read_text()
    (post.card / "device.toml").write_text(f"{text}\n[protection]\n{lines}\n")


def enrolled(post: Post) -> None:
    assert post.box.look().code == "asked"
    assert post.enrol() == 0
    assert post.box.look().code == "done"


def keys_of(post: Post) -> set[str]:
    return {file.name for file in (post.identity / "keys").iterdir() if file.is_file()}


@needs_swtpm
def test_ok_in_a_tpm_from_the_first_start_on(post, capsys, tcti) -> None:  # noqa: F811
    """At no moment is a plain key on the disk; central is told the tier; the box's services open the keys."""
    _patient(TpmCounter(tcti))
    post.claim(capsys)
    protected_by(post, f'keys = "tpm"\ntpm = "{tcti}"')
    assert post.box.look().code == "asked"
    assert post.request.key_tier == "tpm"
    assert keys_of(post) == {
        "sealing.pub",
        "sealing.sealed",
        "signing.pub",
        "signing.sealed",
        "storage.sealed",
    }
    enrolled(post)
    config = load_config(post.identity / "borne.toml")
    assert (config.protection.keys, config.protection.tpm) == (KeyTier.TPM, tcti)
    paths = msgspec.structs.replace(config.paths, keys=post.identity / "keys")
    own = box_keys(msgspec.structs.replace(config, paths=paths))
    assert own.tier == "tpm"
    assert bytes(own.signing.verify_key).hex() in (post.identity / "public/signing.pub").read_text()


def test_ok_under_the_board_s_key(post, capsys, tmp_path) -> None:
    (tmp_path / "otp").write_bytes(bytes(range(32)))
    post.claim(capsys)
    protected_by(post, f'keys = "board"\nboard_key = "{tmp_path / "otp"}"')
    enrolled(post)
    assert not any(name.endswith(".key") for name in keys_of(post))


def test_fail_a_board_without_a_tpm(post, capsys) -> None:
    """Said on the card in a sentence, and no other keys are made in their place."""
    post.claim(capsys)
    protected_by(post, 'keys = "tpm"\ntpm = "swtpm:host=127.0.0.1,port=1"')
    result = post.box.look()
    assert result.code == "no_key_store"
    assert "keys of the tier tpm" in result.sentence
    assert (post.card / "status.txt").read_text().startswith("no_key_store: ")
    assert not any(name.endswith((".key", ".sealed")) for name in keys_of(post))
    # mended on the card, the box goes on
    text = (post.card / "device.toml").read_text()
    (post.card / "device.toml").write_text(text[: text.index("[protection]")])
    assert post.box.look().code == "asked"


def test_ok_another_tier_before_the_box_has_a_name_is_other_keys(post, capsys, tmp_path) -> None:
    """What once lay plain on a card becomes no protected key."""
    (tmp_path / "otp").write_bytes(bytes(range(32)))
    post.claim(capsys)
    post.box.look()
    plain = post.request
    protected_by(post, f'keys = "board"\nboard_key = "{tmp_path / "otp"}"')
    assert post.box.look().code == "asked"
    assert post.request.signing_key != plain.signing_key
    assert post.request.key_tier == "board"
    enrolled(post)


def test_fail_another_tier_once_the_box_has_its_name(post, capsys, tmp_path) -> None:
    (tmp_path / "otp").write_bytes(bytes(range(32)))
    post.claim(capsys)
    enrolled(post)
    before = keys_of(post)
    post.claim(capsys)
    protected_by(post, f'keys = "board"\nboard_key = "{tmp_path / "otp"}"')
    result = post.box.look()
    assert (result.code, "made already" in result.sentence) == ("bad_device_file", True)
    assert keys_of(post) == before


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('keys = "tmp"', "must be one of tpm, board, software"),
        ('key = "tpm"', "unknown key `key`"),
        ('tpm = "cmd:touch /tmp/owned"', "protection.tpm is"),
        ('tpm = "device:/dev/mem"', "protection.tpm is"),
        ('tpm = "swtpm:host=10.0.0.1,port=2321"', "protection.tpm is"),
        ('keys = "board"', "board_key goes with"),
        ('board_key = "/etc/passwd"', "board_key goes with"),
    ],
)
def test_fail_a_protection_with_a_mistake_is_answered_on_the_card(post, lines, says) -> None:
    """tpm2-tools run a program by such a word: no card chooses which."""
    post.write_device()
    protected_by(post, lines)
    result = post.box.look()
    assert (result.code, says in result.sentence) == ("bad_device_file", True), result.sentence
    assert says in (post.card / "status.txt").read_text()


def test_fail_a_board_s_key_that_never_ends_or_never_comes(post, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", "/dev/zero", "/etc/passwd", "/nowhere"):
        post.write_device()
        protected_by(post, f'keys = "board"\nboard_key = "{place}"')
        assert post.box.look().code == "no_key_store"


def test_ok_a_card_names_the_box_s_post(post, capsys) -> None:
    """Until the post's papers come the box works and stands alone."""
    post.claim(capsys)
    text = (post.card / "device.toml").read_text()
    (post.card / "device.toml").write_text(text + POST)
    enrolled(post)
    config = load_config(post.identity / "borne.toml")
    assert config.post.hub == NAME
    assert of_post(config) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('hub = "post-7-lane-1"', "hub = 7"), "post.hub"),
        (("address", "adress"), "unknown key `adress`"),
        (('ca = "/etc', 'port = 99999\nca = "/etc'), "post.port"),
    ],
)
def test_fail_a_post_with_a_mistake_is_answered_on_the_card(post, change, says) -> None:
    post.write_device(more=POST.replace(*change))
    result = post.box.look()
    assert (result.code, says in result.sentence) == ("bad_device_file", True), result.sentence


def test_fail_a_claim_with_a_door_and_no_pin(post) -> None:
    post.write_device()
    text = (post.card / "device.toml").read_text()
    for more in ('door = "central.example.org:8885"', f'pins = ["{"00" * 32}"]'):
        (post.card / "device.toml").write_text(text.replace(TOKEN + '"', f'{TOKEN}"\n{more}'))
        result = post.box.look()
        assert (result.code, "go together" in result.sentence) == ("bad_device_file", True)
