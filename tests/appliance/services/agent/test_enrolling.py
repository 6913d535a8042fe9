"""A box asks for its name by network: real TLS, central's door in its own process, and who else comes."""

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).parent))

from provisioning_scripted import NAME, Post

from appliance.commands import provision, provision_enrol
from appliance.config import load_config
from appliance.contracts.provisioning import DOOR_PATH, DoorWord, Errand, Request, fingerprint
from appliance.services.uplink import enrolling
from appliance.services.uplink.enrolling import NoDoor, ask_once, run_errand
from central import cli as central
from central.fleet.alerts import open_alerts
from central.store import Store


class Door:
    """`borne-central serve-enrolment`, in a process of its own."""

    def __init__(self, post: Post, *, issues: bool) -> None:
        self.post = post
        self.certificate, self.key = post.authority.issue("door", server=True)
        words = [
            *(sys.executable, "-m", "central.cli", "serve-enrolment", "--claims", str(post.claims)),
            *("--host", "127.0.0.1", "--port", "0", "--certificate", str(self.certificate)),
            *("--key", str(self.key)),
            *(post.issuer() if issues else ("--database", str(post.central / "central.db"))),
        ]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening on port (\d+)\n", said)[1])

    def claim(self, capsys, *more: str) -> str:
        at = ("--door", f"127.0.0.1:{self.port}", "--door-certificate", str(self.certificate))
        return self.post.claim(capsys, NAME, "1", *at, *more)

    def say(self, data: bytes) -> bytes:
        """What the door answers to these bytes."""
        context = enrolling._context()
        with (
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            context.wrap_socket(plain) as sock,
        ):
            sock.sendall(data)
            answer = b""
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while block := sock.recv(65536):
                    answer += block
        return answer

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


@pytest.fixture
def post(tmp_path) -> Post:
    return Post(tmp_path / "first")


@pytest.fixture
def other(post, tmp_path) -> Post:
    """A second box with a copy of the first one's card; of central it has nothing but the card."""
    return Post(tmp_path / "other")


@pytest.fixture
def door(post):
    running = Door(post, issues=False)
    yield running
    running.stop()


@pytest.fixture
def issuing(post):
    running = Door(post, issues=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """One door for many strangers."""
    running = Door(Post(tmp_path_factory.mktemp("door")), issues=False)
    yield running
    running.stop()


def errand_of(post: Post) -> Errand:
    return msgspec.json.decode((post.identity / "tls/enrol.json").read_bytes(), type=Errand)


def run(post: Post, **settings: object) -> bool:
    return run_errand(errand_of(post), post.fetched, least_wait=0.02, **settings)


def alerts(post: Post) -> list[str]:
    store = Store(str(post.central / "central.db"))
    with store.reading() as batch:
        found = [one.sentence for one in open_alerts(batch.connection) if one.kind == "enrolment"]
    store.close()
    return found


def test_ok_a_box_enrols_by_network_when_a_person_agrees(door, post, capsys) -> None:
    """From the claim to a configuration, as the units call it; the door has no key of central's."""
    door.claim(capsys)
    assert post.box.look().code == "asked"
    words = [NAME, "--claims", str(post.claims), *post.issuer()]
    assert central.main(["approve", *words, "--fingerprint", "0"]) == 2
    said: list[str] = []

    def agree(word: DoorWord) -> None:
        said.append(word.code)
        if said == ["waiting"]:
            assert central.main(["asked", "--claims", str(post.claims), "--json"]) == 0
            (row,) = json.loads(capsys.readouterr().out)["asked"]
            assert (row["device"], row["state"]) == (NAME, "waits")
            assert row["fingerprint"] == fingerprint(post.request)
            assert central.main(["approve", *words, "--fingerprint", row["fingerprint"]]) == 0

    assert run(post, said=agree)
    assert said == ["waiting", "answered"]
    assert post.box.look().code == "done"
    config = load_config(post.identity / "borne.toml")
    assert (config.box.device, config.broker.host) == (NAME, "broker.example.org")
    assert config.central.operator_key.read_text() == (post.keys / "operator.pub").read_text()
    # neither the token nor the errand stays
    assert sorted(one.name for one in post.card.iterdir()) == ["status.txt"]
    assert not (post.identity / "tls/enrol.json").exists()
    assert alerts(post) == []


def test_ok_unattended_and_the_answer_is_given_again_to_the_same_box(issuing, post, capsys) -> None:
    """A line that was lost behind the answer, or a box whose power went: it asks again, and gets the same."""
    issuing.claim(capsys, "--unattended")
    post.box.look()
    assert run(post)
    first = (post.fetched / "answer.cose").read_bytes()
    assert run(post)
    assert (post.fetched / "answer.cose").read_bytes() == first
    assert post.box.look().code == "done"
    assert alerts(post) == []


def test_ok_a_door_that_was_away_for_long(post, capsys) -> None:
    """Asked again and again with growing, jittered waits, until it is there."""
    door = Door(post, issues=True)
    door.claim(capsys, "--unattended")
    post.box.look()
    errand = errand_of(post)
    door.stop()
    waits: list[float] = []

    class Enough(Exception):
        pass

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 40:
            raise Enough

    with pytest.raises(Enough):
        run_errand(errand, post.fetched, sleep=sleep)
    assert waits[0] <= enrolling.LEAST_WAIT
    assert max(waits) <= enrolling.MOST_WAIT
    assert sum(waits[-20:]) > 20 * enrolling.MOST_WAIT / 10
    assert len(set(waits)) == len(waits)
    again = Door(post, issues=True)
    try:
        moved = msgspec.structs.replace(errand, door=f"127.0.0.1:{again.port}", pins=(pin(again),))
        assert run_errand(moved, post.fetched)
    finally:
        again.stop()


def pin(door: Door) -> str:
    from central.enrol import pin_of

    return pin_of(door.certificate)


def test_fail_a_token_that_a_second_box_uses_is_an_alarm_at_both_ends(issuing, post, other, capsys) -> None:
    """The thief of a copied card was first: the box says so on screen and card, and central has an alert."""
    lines = issuing.claim(capsys, "--unattended")
    other.write_claim(lines)
    other.box.look()
    assert run(other)
    post.box.look()
    told: list[DoorWord] = []
    assert not run(post, said=told.append)
    assert [one.code for one in told] == ["token_used"]
    assert fingerprint(other.request) in told[0].sentence
    (alert,) = alerts(post)
    assert fingerprint(post.request) in alert
    assert fingerprint(other.request) in alert
    # at the next start it stands on the card and on the first page
    page = post.fetched / "page.html"
    words = post.words(page=page)
    assert provision._read(words) == provision._keys(words) == 0
    assert provision._card(words) == 1
    assert (post.card / "status.txt").read_text().startswith("token_used: ")
    assert "STOP. Another box" in page.read_text()
    # and a new claim begins anew
    issuing.claim(capsys, "--unattended")
    assert post.box.look().code == "asked"
    assert run(post)
    assert post.box.look().code == "done"


def test_fail_a_token_that_was_spent_by_card(issuing, post, other, capsys) -> None:
    lines = issuing.claim(capsys, "--unattended")
    other.write_claim(lines)
    other.box.look()
    post.box.look()
    assert post.enrol() == 0
    assert not run(other)
    assert "came on a card" in alerts(post)[0]


def test_fail_a_card_s_request_behind_another_box_s_by_network(issuing, post, other, capsys) -> None:
    lines = issuing.claim(capsys, "--unattended")
    other.write_claim(lines)
    other.box.look()
    assert run(other)
    post.box.look()
    assert post.enrol() == 2
    assert "Another box has asked with this token" in capsys.readouterr().err


def test_fail_the_operator_refuses_a_stranger(door, post, capsys) -> None:
    door.claim(capsys)
    post.box.look()
    assert ask_once(errand_of(post)).code == "waiting"
    assert central.main(["approve", NAME, "--claims", str(post.claims), *post.issuer(), "--refuse"]) == 0
    assert not run(post)
    assert not (post.fetched / "answer.cose").exists()


@pytest.mark.parametrize(("hours", "code"), [("-1", "token_over")])
def test_fail_a_token_that_is_over(door, post, capsys, hours, code) -> None:
    at = ("--door", f"127.0.0.1:{door.port}", "--door-certificate", str(door.certificate))
    post.claim(capsys, NAME, hours, *at)
    post.box.look()
    assert not run(post)
    assert msgspec.json.decode((post.fetched / "said.json").read_bytes())["code"] == code


def test_fail_a_token_for_another_name_or_of_nobody(door, post, capsys) -> None:
    lines = door.claim(capsys)
    post.write_claim(lines, name="post-9")
    post.box.look()
    assert ask_once(errand_of(post)).code == "other_name"
    assert "post-9" in alerts(post)[0]
    post.write_claim(re.sub(r'token = ".*"', f'token = "{"C" * 32}"', lines))
    post.box.look()
    assert ask_once(errand_of(post)).code == "unknown_token"


def test_fail_keys_that_the_asker_does_not_have(issuing, post, capsys) -> None:
    """Without the proof, anybody could have a box enrolled under a public key that is another's."""
    issuing.claim(capsys, "--unattended")
    post.box.look()
    errand = errand_of(post)
    stranger = bytes(SigningKey.generate().verify_key).hex()
    for changes in ({"signing_key": stranger}, {"sealing_key": stranger}, {"proof": None}, {"csr": "none"}):
        lie = msgspec.structs.replace(errand.request, **changes)
        assert ask_once(msgspec.structs.replace(errand, request=lie)).code == "not_a_request"
    assert run(post), "and the claim is still good"


def test_fail_another_door_is_told_nothing(door, post, tmp_path, capsys) -> None:
    """A door with a certificate of the very same authority, at the same address, is not the card's."""
    door.claim(capsys)
    post.box.look()
    certificate, key = post.authority.issue("false", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as sock:
                heard.append(sock.recv(4096))

    thread = threading.Thread(target=serve)
    thread.start()
    false = msgspec.structs.replace(errand_of(post), door=f"127.0.0.1:{listener.getsockname()[1]}")
    with pytest.raises(NoDoor, match="Somebody else"):
        ask_once(false)
    thread.join(20)
    assert heard in ([], [b""])


def test_fail_an_answer_that_central_did_not_sign(issuing, post, capsys) -> None:
    """The door may be a stranger's in spite of its key: what counts is central's signature, over this box."""
    issuing.claim(capsys, "--unattended")
    post.box.look()
    lie = msgspec.structs.replace(errand_of(post), central_key=bytes(SigningKey.generate().verify_key).hex())
    with pytest.raises(NoDoor, match="not signed by central"):
        ask_once(lie)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /borne/v1/enrol HTTP/1.1\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"POST /borne/v1/enrol/../../claims HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"POST /borne/v1/enrol HTTP/1.1\r\n\r\n", 400),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", 413),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 413),
        (b"\x00\xff\r\n\r\n", 400),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nContent-Length: 3\r\n\r\n[[[", 400),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"[" * 20000, 413),
        (b"POST /borne/v1/enrol HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + b"[" * 9000, 400),
    ],
)
def test_fail_nothing_else_can_be_asked_over_that_door(lasting, said, status) -> None:
    answer = lasting.say(said)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer


def test_fail_a_second_request_on_one_connection(issuing, post, capsys) -> None:
    issuing.claim(capsys, "--unattended")
    post.box.look()
    body = msgspec.json.encode(post.request)
    one = f"POST {DOOR_PATH} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    assert issuing.say(one + one).count(b"HTTP/1.1 ") == 1


def test_fail_many_who_say_nothing_hold_no_place(door, post, capsys) -> None:
    """So many of one address that the door is full for it; it comes back by itself."""
    door.claim(capsys)
    post.box.look()
    with contextlib.ExitStack() as held:
        context = enrolling._context()
        for _ in range(8):
            plain = held.enter_context(socket.create_connection(("127.0.0.1", door.port), 10))
            held.enter_context(context.wrap_socket(plain))
        until = time.monotonic() + 20
        while (said := ask_once(errand_of(post)).code) != "busy" and time.monotonic() < until:
            time.sleep(0.02)
        assert said == "busy"
    until = time.monotonic() + 20
    while (said := ask_once(errand_of(post)).code) != "waiting" and time.monotonic() < until:
        time.sleep(0.02)
    assert said == "waiting"


def test_fail_the_folder_of_claims_gives_no_token_away(door, post, capsys) -> None:
    lines = door.claim(capsys)
    token = re.search(r'token = "(.*)"', lines)[1]
    post.box.look()
    ask_once(errand_of(post))
    kept = list(post.claims.iterdir())
    assert {file.suffix for file in kept} == {"", ".request"}
    assert not any(token.encode() in file.read_bytes() or token in file.name for file in kept)


def test_ok_the_command_and_the_page_inside_the_first(issuing, post, capsys, tmp_path) -> None:
    issuing.claim(capsys, "--unattended")
    words = post.words(page=tmp_path / "first.html")
    assert provision._read(words) == provision._keys(words) == 0
    assert provision._card(words) == 1
    assert 'src="file:///run/borne-enrol/state.html"' in (tmp_path / "first.html").read_text()
    enrol = post.words(folder=post.fetched, page=tmp_path / "state.html")
    assert provision_enrol._enrol(enrol) == 0
    assert "The box starts again by itself" in (tmp_path / "state.html").read_text()
    assert provision._card(words) == 0
    for file in (post.fetched, post.fetched / "answer.cose"):
        assert os.stat(file).st_mode & 0o044 == 0o044, "another user reads it"


# by a stick


def test_ok_the_answer_comes_on_a_stick(post, capsys) -> None:
    """In a folder with the box's name, beside other boxes' answers."""
    post.claim(capsys)
    post.box.look()
    assert post.enrol() == 0
    for name in (NAME, "post-8-lane-1"):
        (post.stick / name).mkdir(parents=True)
        shutil.copy(post.card / "answer.cose", post.stick / name)
    (post.card / "answer.cose").unlink()
    assert post.box.look().code == "done"
    assert (post.stick / NAME / "answer.cose").exists(), "the stick is only read"


def test_fail_a_stranger_s_stick(post, capsys) -> None:
    signer = SigningKey.generate()
    post.claim(capsys)
    post.box.look()
    (post.stick / NAME).mkdir(parents=True)
    post.answer(signer)
    (post.card / "answer.cose").rename(post.stick / NAME / "answer.cose")
    assert post.box.look().code == "foreign_answer"
    (post.stick / NAME / "answer.cose").unlink()
    os.mkfifo(post.stick / NAME / "answer.cose")
    os.mkfifo(post.stick / "said.json")
    assert post.box.look().code == "foreign_answer"
    assert not (post.identity / "borne.toml").exists()


def test_ok_a_request_of_the_first_version_is_answered_as_before(post, capsys) -> None:
    """A box of an earlier version knows no proof and no operator's key, and refuses what it does not know."""
    post.claim(capsys)
    post.box.look()
    old = {
        name: value for name, value in msgspec.json.decode((post.card / "request.json").read_bytes()).items()
        if name != "proof"
    } | {"version": 1}  # fmt: skip
    (post.card / "request.json").write_bytes(msgspec.json.encode(old))
    assert post.enrol(agreed=fingerprint(msgspec.convert(old, Request))) == 0
    from appliance.cose import verify1

    _, payload = verify1(
        (post.card / "answer.cose").read_bytes(),
        verify_key_for=lambda _: post.provisioning_key,
        max_bytes=1_000_000,
    )
    answer = msgspec.json.decode(payload)
    assert not {"operator", "authority"} & set(answer)
    assert set(answer) >= {"certificate", "watermark", "gateway_signing"}
