"""When a run of the acceptance test is begun again, when it has failed, and what is asked of its figures."""

import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import acceptance
import pytest
from acceptance import DEAF, Acceptance, Reader, accept
from board import load_board
from host import LIST, Central, NotAccepted
from nacl.public import PrivateKey
from qemu import Line, QemuCrashed

from appliance.key_files import write_key
from appliance.reference_data.repository import Repository

BOARD = load_board("qemu-amd64")


def runs(monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None) -> list[Exception | None]:
    """Each run of these comes out so, in their order; returns those that are left."""
    left = list(outcomes)

    def one_run(board, image, log, end):
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome
        return {"board": board.name}

    monkeypatch.setattr(acceptance, "_one_run", one_run)
    return left


def test_ok_the_reader_is_plugged_in_as_soon_as_qemu_listens_again(tmp_path) -> None:
    """The last start has left its socket there, at which nobody listens any more."""
    reader = Reader(tmp_path)
    path = tmp_path / "reader.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))

    def listen() -> None:
        path.unlink()
        server.bind(str(path))
        server.listen()

    with socket.socket(socket.AF_UNIX) as server:
        later = threading.Timer(0.5, listen)
        later.start()
        reader.plug()
        later.join()
        line, _ = server.accept()
        with line:
            reader.sweep()
            assert line.recv(200).count(b"\r") == 2
            reader.unplug()
            assert line.recv(200) == b""


def test_ok_it_is_begun_again_when_qemu_has_died_and_once_when_the_box_slipped(monkeypatch, capsys) -> None:
    left = runs(monkeypatch, QemuCrashed("QEMU died."), NotAccepted("No page."), None)
    assert accept(BOARD, Path("image"), None) == {"board": "qemu-amd64"}
    assert not left
    said = capsys.readouterr().err
    assert "QEMU died." in said  # a run that failed is never silent
    assert "No page." in said


@pytest.mark.parametrize(
    ("outcomes", "unused"),
    [
        ((NotAccepted("a"), NotAccepted("b"), None), 1),
        ((QemuCrashed("a"), QemuCrashed("b"), QemuCrashed("c"), None), 1),
        ((NotAccepted("a"), QemuCrashed("b"), NotAccepted("c"), None), 1),
        ((BrokenPipeError("a"), None), 1),
    ],
)
def test_fail_what_fails_again_has_failed(monkeypatch, outcomes, unused) -> None:
    left = runs(monkeypatch, *outcomes)
    with pytest.raises((NotAccepted, QemuCrashed, BrokenPipeError)):
        accept(BOARD, Path("image"), None)
    assert len(left) == unused


def test_fail_there_is_no_second_run_when_its_time_would_not_do(monkeypatch) -> None:
    left = runs(monkeypatch, NotAccepted("slow"), None)
    with pytest.raises(NotAccepted, match="slow"):
        accept(BOARD, Path("image"), None, within=0.0)
    assert len(left) == 1


@pytest.fixture
def run(tmp_path) -> Acceptance:
    image = tmp_path / "image"
    image.write_bytes(b"")
    return Acceptance(BOARD, image, tmp_path)


@pytest.mark.parametrize(
    ("missing", "said", "complaint"),
    [
        ([], "all is well", None),
        (["udev"], "all is well", "no library udev"),
        ([], f"borne[1]: WARNING hal.manager: {DEAF} (No library named udev)", "not heard"),
    ],
)
def test_ok_a_box_that_cannot_hear_what_is_plugged_in_fails(run, missing, said, complaint) -> None:
    run.figures["rehearsal"] = {"missing_libraries": missing}
    machine = SimpleNamespace(lines=[Line(1.0, said)])
    if complaint is None:
        run._check_libraries(machine)
    else:
        with pytest.raises(NotAccepted, match=complaint):
            run._check_libraries(machine)


@pytest.mark.parametrize(
    ("checks", "passes"),
    [
        ([["disk.flush", "PASS", "flushed", None], ["panel.lights", "NOT_DONE", "nobody_looks", None]], True),
        ([["central.broker", "FAIL", "not_connected", None]], False),
        ([["devices.capture", "CANNOT", "unreachable", None]], False),
        ("Traceback: it did not run", False),
        ([], False),
    ],
)
def test_ok_the_self_test_must_have_run_and_nothing_may_have_failed(run, checks, passes) -> None:
    run.figures["events"] = [{"event": "ready"}, {"event": "selftest", "checks": checks}]
    if passes:
        run._check_selftest()
    else:
        with pytest.raises(NotAccepted, match="self-test"):
            run._check_selftest()


@pytest.mark.parametrize(
    ("reader", "keyboard", "passes"), [(1, 0, True), (1, 1, False), (0, 0, False), (None, 0, False)]
)
def test_ok_the_reader_was_let_in_and_the_keyboard_was_not(run, reader, keyboard, passes) -> None:
    found = [[acceptance.KEYBOARD_IDS, keyboard]]
    if reader is not None:
        found.append([acceptance.READER_IDS, reader])
    if passes:
        run._check_usb(found)
    else:
        with pytest.raises(NotAccepted, match="allow-list"):
            run._check_usb(found)


@pytest.mark.parametrize(("answers", "passes"), [(["RED"], True), (["AMBER"], False), ([], False)])
def test_ok_a_document_of_the_list_that_came_is_red(run, answers, passes) -> None:
    run.figures["events"] = [{"event": "ready"}] + [
        {"event": "answered", "recommendation": one} for one in answers
    ]
    if passes:
        run._check_answers()
    else:
        with pytest.raises(NotAccepted, match="on the list"):
            run._check_answers()


def test_ok_central_signs_and_seals_what_the_box_can_take(tmp_path, monkeypatch) -> None:
    """With the commands of an operator; only the broker is left out."""
    central = Central(tmp_path)
    published: list[str] = []
    monkeypatch.setattr(central, "_publish", lambda *names: published.extend(names))
    central.make_keys()
    box = PrivateKey.generate()
    write_key(central.box, box.public_key)
    central.publish_lists()
    targets = Repository(tmp_path / "repository").targets()
    assert {one.name for one in targets.values()} == set(published) == {"trust_anchors", LIST}


@pytest.mark.parametrize(
    ("event", "passes"), [({"taken": True}, True), ({"taken": False}, False), (None, False)]
)
def test_ok_who_was_appointed_is_a_supervisor(run, event, passes) -> None:
    run.figures["events"] = [] if event is None else [{"event": "appointed"} | event]
    if passes:
        run._check_appointed()
    else:
        with pytest.raises(NotAccepted, match="no supervisor"):
            run._check_appointed()


@pytest.mark.parametrize(
    ("said", "passes"), [("a.service: Failed with result 'exit-code'.", False), ("Started a.", True)]
)
def test_ok_no_unit_may_have_failed(run, said, passes) -> None:
    machine = SimpleNamespace(lines=[Line(1.0, f"[    1.0] systemd[1]: {said}")])
    if passes:
        run._check_units(machine)
    else:
        with pytest.raises(NotAccepted, match=r"a\.service"):
            run._check_units(machine)
