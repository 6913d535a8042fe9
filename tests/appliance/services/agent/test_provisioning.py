"""The whole way in: a card, a box with keys of its own, central's claim and answer; every card that lies."""

import base64
import datetime as dt
import json
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import zxingcpp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).parent))

from provisioning_scripted import DEVICE, NAME, TOKEN, Post

from appliance.commands import provision
from appliance.config import load_config
from appliance.contracts.provisioning import Answer, Request, fingerprint
from appliance.opening import CannotStart, appointing_key
from appliance.services.agent import provisioning
from appliance.services.agent.provisioning import Provisioning, hardware_serial
from appliance.services.agent.toml_text import toml_text


@pytest.fixture
def post(tmp_path) -> Post:
    return Post(tmp_path)


def test_ok_a_box_gets_its_name(post, capsys) -> None:
    post.claim(capsys)
    asked = post.box.look()
    assert asked.code == "asked"
    assert fingerprint(post.request) in asked.sentence
    assert post.request.hardware == "10000000abcdef"
    assert (post.card / "status.txt").read_text().startswith("asked: ")
    assert post.enrol() == 0
    assert post.box.look().code == "done"

    config = load_config(post.identity / "borne.toml")
    assert (config.box.device, config.box.post) == (NAME, 'The "North" road')
    assert (config.broker.host, config.kiosk.language) == ("broker.example.org", "fr")
    assert [one.driver for one in config.device] == ["simulated", "simulated"]
    assert config.device[0].options == {"width": 640, "height": 480}
    certificate = x509.load_pem_x509_certificate(config.broker.certificate.read_bytes())
    assert certificate.subject.rfc4514_string() == f"CN={NAME}"
    # the spent token has left the card, and a second look changes nothing
    assert sorted(one.name for one in post.card.iterdir()) == ["status.txt"]
    assert post.box.look().code == "unchanged"


def test_ok_whose_answer_it_was_may_appoint(post, capsys) -> None:
    post.claim(capsys)
    post.box.look()
    assert post.enrol() == 0
    assert post.box.look().code == "done"
    config = load_config(post.identity / "borne.toml")
    assert appointing_key(config) == post.provisioning_key
    kept = post.identity / "central" / "provisioning.pub"
    assert kept.stat().st_mode & 0o777 == 0o644, "lane reads it"
    kept.write_text("no key")
    with pytest.raises(CannotStart, match="provisioning.pub"):
        appointing_key(config)
    kept.unlink()  # as of a box that an earlier version enrolled
    assert appointing_key(config) is None


def test_ok_who_may_read_what(post, capsys) -> None:
    """The services are other users: public halves for all, the TLS key for uplink's group."""
    post.claim(capsys)
    post.box.look()
    post.enrol()
    post.box.look()
    modes = {
        str(one.relative_to(post.identity)): oct(one.stat().st_mode & 0o777)
        for one in post.identity.rglob("*")
        if one.is_file()
    }
    assert modes["borne.toml"] == modes["central/sealing.pub"] == modes["public/signing.pub"] == "0o644"
    assert modes["tls/box.key"] == "0o640"
    assert {mode for name, mode in modes.items() if name.startswith("keys/") and name.endswith(".key")} == {
        "0o600"
    }


def test_ok_asked_twice_it_asks_the_same(post, capsys) -> None:
    post.claim(capsys)
    post.box.look()
    first = post.request
    post.box.look()
    assert post.request == first


def test_ok_a_new_name_is_a_new_request_with_the_same_key(post, capsys) -> None:
    post.claim(capsys)
    post.box.look()
    first = x509.load_pem_x509_csr(post.request.csr.encode())
    post.claim(capsys, name="post-8-lane-1")
    post.box.look()
    second = x509.load_pem_x509_csr(post.request.csr.encode())
    assert second.subject.rfc4514_string() == "CN=post-8-lane-1"
    assert first.public_key() == second.public_key()


def test_ok_central_registers_the_box(post, capsys) -> None:
    from central.store import Store

    post.claim(capsys)
    post.box.look()
    post.enrol()
    store = Store(str(post.central / "central.db"))
    with store.batch() as batch:
        assert batch.device(NAME).signing_key.hex() == post.request.signing_key
    store.close()


def test_fail_no_card_file(post) -> None:
    result = post.box.look()
    assert result.code == "no_device_file"
    assert (post.card / "status.txt").read_text().startswith("no_device_file: ")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("profile", "profle"), "line 5: unknown key `profle`"),
        (('"demo"', '"dmo"'), "must be one of"),
        (("token", "tken"), "unknown key `tken`"),
        ((TOKEN, "short"), "claim.token"),
        (("[kiosk]", "[kiosk"), "device.toml"),
        (("kind = ", "# "), "`kind` is missing"),
    ],
)
def test_fail_a_card_file_with_a_mistake_is_answered_with_its_line(post, change, says) -> None:
    post.write_device()
    text = (post.card / "device.toml").read_text()
    (post.card / "device.toml").write_text(text.replace(*change))
    result = post.box.look()
    assert result.code == "bad_device_file"
    assert says in result.sentence


def test_fail_a_configuration_that_cannot_be_used_is_not_left_behind(post) -> None:
    signer = SigningKey.generate()
    post.write_device(key=bytes(signer.verify_key).hex())
    post.box.look()
    post.answer(signer)
    import unittest.mock

    with unittest.mock.patch.object(
        provisioning, "load_config", side_effect=provisioning.ConfigError("line 3: no")
    ):
        assert post.box.look().code == "bad_device_file"
    assert not (post.identity / "borne.toml").exists()
    assert not (post.identity / "borne.draft").exists()


def test_fail_the_box_has_no_keys_yet(post) -> None:
    """Or has not proved them for this card."""
    post.write_device()
    box = Provisioning(card=post.card, identity=post.identity)
    assert box.look().code == "no_keys"
    assert post.box.look().code == "asked"
    post.write_device(token="B" * 32)
    assert box.look().code == "no_keys"


def test_fail_an_answer_of_somebody_else(post) -> None:
    post.write_device(key=bytes(SigningKey.generate().verify_key).hex())
    post.box.look()
    post.answer(SigningKey.generate())
    assert post.box.look().code == "foreign_answer"
    assert not (post.identity / "borne.toml").exists()


def test_fail_something_else_that_central_signed(post) -> None:
    signer = SigningKey.generate()
    post.write_device(key=bytes(signer.verify_key).hex())
    post.box.look()
    post.answer(signer, kind="application/vnd.borne.watermark")
    assert post.box.look().code == "bad_answer"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"device": "post-9"}, "other_box"),
        ({"signing_key": "22" * 32}, "other_box"),
        ({"sealing": "nonsense"}, "bad_answer"),
        ({"broker": {"host": "x\nkey = 1", "port": 8883}}, "bad_answer"),
        ({"broker": {"host": "x", "port": 0}}, "bad_answer"),
        ({"reference_root": None}, "bad_answer"),
        ({"certificate": "none"}, "bad_answer"),
        ({"ca": "none"}, "bad_answer"),
    ],
)
def test_fail_an_answer_that_does_not_fit(post, changes, code) -> None:
    signer = SigningKey.generate()
    post.write_device(key=bytes(signer.verify_key).hex())
    post.box.look()
    post.answer(signer, **changes)
    assert post.box.look().code == code
    assert not (post.identity / "borne.toml").exists()


def test_fail_a_certificate_for_another_key_or_name(post) -> None:
    signer = SigningKey.generate()
    post.write_device(key=bytes(signer.verify_key).hex())
    post.box.look()
    other, _ = post.authority.issue(NAME)
    post.answer(signer, certificate=other.read_text())
    assert post.box.look().code == "other_box"

    key = ec.derive_private_key(7, ec.SECP256R1())
    assert key  # the box's own key under another's name
    from central.enrol import issue

    authority = x509.load_pem_x509_certificate(post.authority.certificate.read_bytes())
    box_key = provisioning.serialization.load_pem_private_key(
        (post.identity / "tls/box.key").read_bytes(), None
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "post-9")])
    csr = (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(box_key, provisioning.hashes.SHA256())
    )
    pem = csr.public_bytes(provisioning.serialization.Encoding.PEM).decode()
    request = msgspec.structs.replace(post.request, device="post-9", csr=pem)
    wrong = issue(request, authority, post.authority._key, days=1, now=dt.datetime.now(dt.UTC))
    post.answer(signer, certificate=wrong)
    assert post.box.look().code == "other_box"


def test_fail_an_answer_that_cannot_be_read(post) -> None:
    post.write_device()
    (post.card / "answer.cose").mkdir()
    assert post.box.look().code == "bad_answer"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=2048) | st.text(max_size=2048).map(str.encode), st.binary(max_size=2048))
def test_fail_hostile_bytes_on_the_card_give_a_code_and_no_configuration(device, answer) -> None:
    with tempfile.TemporaryDirectory() as folder:
        card, identity = Path(folder) / "card", Path(folder) / "identity"
        for one in (card, identity / "tls"):
            one.mkdir(parents=True)
        (card / "device.toml").write_bytes(device)
        (card / "answer.cose").write_bytes(answer)
        place = SimpleNamespace(card=card, identity=identity)
        assert provision._read(place) == 1
        assert Provisioning(card=card, identity=identity).look().code == "bad_device_file"
        (card / "device.toml").write_text(DEVICE.format(name=NAME, token=TOKEN, key="00" * 32))
        assert provision._read(place) == provision._keys(place) == 0
        assert Provisioning(card=card, identity=identity).look().code in {"foreign_answer", "bad_answer"}
        assert not (identity / "borne.toml").exists()


# central's side


def test_fail_a_token_is_good_once(post, capsys) -> None:
    post.claim(capsys)
    post.box.look()
    assert post.enrol() == 0
    assert post.enrol() == 2
    assert "spent" in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["-1"])
def test_fail_a_token_ends(post, capsys, hours) -> None:
    post.claim(capsys, hours=hours)
    post.box.look()
    assert post.enrol() == 2
    assert "is over" in capsys.readouterr().err
    assert not (post.card / "answer.cose").exists()


def test_fail_a_token_is_for_one_name(post, capsys) -> None:
    post.claim(capsys)
    text = (post.card / "device.toml").read_text()
    (post.card / "device.toml").write_text(text.replace(NAME, "post-9"))
    post.box.look()
    assert post.enrol() == 2
    assert f"is for {NAME}" in capsys.readouterr().err


def test_fail_another_fingerprint_than_on_the_screen(post, capsys) -> None:
    post.claim(capsys)
    post.box.look()
    assert post.enrol(agreed="0000 0000 0000 0000") == 2
    assert "fingerprint" in capsys.readouterr().err
    assert post.enrol() == 0  # and the token is still good


@pytest.mark.parametrize("answer", ["yes\n", "no\n", ""])
def test_central_s_operator_is_asked(post, capsys, monkeypatch, answer) -> None:
    import io

    from central.enrol import EnrolError, _agree

    post.claim(capsys)
    post.box.look()
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if answer.startswith("yes"):
        _agree(post.request, None)
    else:
        with pytest.raises(EnrolError, match="Not enrolled"):
            _agree(post.request, None)
    assert fingerprint(post.request) in capsys.readouterr().err


def test_fail_a_request_that_is_none(post, capsys) -> None:
    from central.enrol import EnrolError, issue, read_request

    post.claim(capsys)
    post.box.look()
    good = post.request
    authority = x509.load_pem_x509_certificate(post.authority.certificate.read_bytes())
    for csr, says in (("none", "none"), (good.csr, "not this box's")):
        changed = msgspec.structs.replace(good, csr=csr, device="post-9")
        with pytest.raises(EnrolError, match=says):
            issue(changed, authority, post.authority._key, days=1, now=dt.datetime.now(dt.UTC))
    path = post.card / "request.json"
    path.write_bytes(b"{" + b" " * 300_000)
    with pytest.raises(EnrolError, match="larger"):
        read_request(path)
    for text in ("", "{}", "[" * 100_000, json.dumps({"device": "../x"})):
        path.write_text(text)
        with pytest.raises(EnrolError, match="no request"):
            read_request(path)


# the small parts


def test_ok_the_board_s_serial_number(tmp_path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    second.write_bytes(b"10000000d34db33f\0")
    assert hardware_serial((first, second)) == "10000000d34db33f"
    first.write_bytes(b"\xff\xfe two words\n")
    assert hardware_serial((first, second)) == "10000000d34db33f"
    second.write_bytes(b"two words")
    assert hardware_serial((first, second)) == "unknown"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.dictionaries(
            st.text(min_size=1, max_size=8),
            st.recursive(
                st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=12) | st.floats(0, 1e6),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
                ),
                max_leaves=6,
            ),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_ok_what_is_written_as_toml_reads_the_same(tables) -> None:
    import tomllib

    text = toml_text(tables)
    assert tomllib.loads(text) == tables


def test_ok_the_command_says_the_same(post, capsys) -> None:
    post.claim(capsys)
    words = post.words()
    assert provision._read(words) == provision._keys(words) == 0
    assert provision._card(words) == 1
    assert capsys.readouterr().out.startswith("borne: asked: ")
    post.enrol()
    words.json = True
    assert provision._card(words) == 0
    assert json.loads(capsys.readouterr().out)["code"] == "done"


def test_ok_a_box_without_a_name_says_on_its_screen_what_to_do(post, capsys) -> None:
    page = Path(tempfile.mkdtemp()) / "first.html"
    words = post.words(page=page)
    assert provision._card(words) == 1
    assert "no_device_file" in page.read_text()
    assert "device.toml sur la première partition" in page.read_text()
    post.claim(capsys)
    assert provision._read(words) == provision._keys(words) == 0
    assert provision._card(words) == 1
    shown = page.read_text()
    request = msgspec.json.decode((post.card / "request.json").read_bytes(), type=Request)
    assert fingerprint(request) in shown
    # What the code holds is what central takes: read it as a telephone would.
    drawn = base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1]).decode()
    squares = [[int(one) for one in each] for each in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", drawn)]
    size = int(re.search(r'width="(\d+)"', drawn)[1])
    picture = np.full((size, size), 255, np.uint8)
    for x, y, width, height in squares:
        picture[y : y + height, x : x + width] = 0
    (found,) = zxingcpp.read_barcodes(np.kron(picture, np.ones((3, 3), np.uint8)))
    assert msgspec.json.decode(found.text, type=Request) == request
    (post.card / "device.toml").write_text("<script>")
    provision._card(words)
    assert "<script>" not in page.read_text()


def test_fail_a_card_that_cannot_be_written(post) -> None:
    from appliance.commands.output import CouldNot

    with pytest.raises(CouldNot):
        provision._card(post.words(card=post.card / "gone"))
    (post.card / "file").touch()
    with pytest.raises(CouldNot):
        provision._keys(SimpleNamespace(identity=post.card / "file"))
    with pytest.raises(CouldNot, match="`borne provision read` comes first"):
        provision._keys(post.words())


def test_ok_an_answer_names_all_that_a_box_must_know() -> None:
    assert {"certificate", "ca", "broker", "sealing", "watermark"} <= set(Answer.__struct_fields__)
