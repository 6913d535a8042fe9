"""A trial start: what must be well before a slot is kept, each by itself; and RAUC's words."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from appliance.config import Box
from appliance.contracts.errors import ServiceError
from appliance.services.agent.service import AgentService
from appliance.services.agent.updates import (
    OFFLINE_GRACE_SECONDS,
    Confirmation,
    Rauc,
    Slots,
    UpdaterUnavailable,
)


class Others:
    """The other three services; everything is well unless told otherwise."""

    def __init__(self, **changes) -> None:
        self.unsent, self.notices, self.connected = 0, (), True
        self.devices_ = [("document_reader", "ABSENT"), ("document_reader", "READY"), ("camera", "READY")]
        self.silent: set[str] = set()
        vars(self).update(changes)

    def answer(self, name: str, **values):
        if name in self.silent:
            raise ServiceError("unreachable", "Nobody answers.")
        return SimpleNamespace(**values)

    @property
    def lane(self):
        async def status(_):
            return self.answer("lane", unsent=self.unsent, notices=self.notices, support=None)

        async def retain(_):
            return None

        return SimpleNamespace(status=status, retain=retain)

    @property
    def uplink(self):
        async def status(_):
            return self.answer("uplink", connected=self.connected)

        return SimpleNamespace(status=status)

    @property
    def capture(self):
        async def devices(_):
            kinds = [SimpleNamespace(kind=kind, state=state) for kind, state in self.devices_]
            return self.answer("capture", devices=kinds)

        return SimpleNamespace(devices=devices)

    def missing(self, *, after: float = 0.0) -> tuple[str, ...]:
        now = [0.0]
        parts = {"capture": self.capture, "lane": self.lane, "uplink": self.uplink}
        confirmation = Confirmation(**parts, clock=lambda: now[0])
        now[0] = after
        return asyncio.run(confirmation.missing())


def test_ok_a_box_that_works() -> None:
    assert Others().missing() == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"silent": {"lane"}}, "journal_closed"),
        ({"notices": ("database_set_aside",)}, "journal_spoilt"),
        ({"notices": ("crossing_unreadable",)}, "journal_spoilt"),
        ({"unsent": 1}, "central_unheard"),
        ({"connected": False}, "central_unheard"),
        ({"silent": {"uplink"}}, "central_unheard"),
        ({"silent": {"capture"}}, "devices_unreachable"),
        ({"devices_": [("document_reader", "ABSENT"), ("camera", "READY")]}, "no_document_reader"),
        ({"devices_": [("document_reader", "READY"), ("camera", "FAULT")]}, "no_camera"),
    ],
)
def test_fail_each_by_itself_keeps_the_slot_from_being_kept(changes, code) -> None:
    assert Others(**changes).missing() == (code,)


def test_ok_a_line_that_is_down_is_no_fault_of_the_update_and_a_dead_camera_is() -> None:
    assert Others(connected=False).missing(after=OFFLINE_GRACE_SECONDS - 1) == ("central_unheard",)
    assert Others(connected=False, silent={"uplink"}).missing(after=OFFLINE_GRACE_SECONDS) == ()
    gone = Others(connected=False, devices_=[("camera", "ABSENT")])
    assert gone.missing(after=OFFLINE_GRACE_SECONDS) == ("no_camera",)


def test_ok_a_device_at_work_is_well() -> None:
    assert Others(devices_=[("document_reader", "BUSY"), ("camera", "READY")]).missing() == ()


def test_ok_a_kind_that_the_box_does_not_have_is_not_missed() -> None:
    assert Others(devices_=[("document_reader", "READY")]).missing() == ()


# RAUC's words


def a_rauc(folder, status: object, *, code: int = 0) -> Rauc:
    text = status if isinstance(status, str) else json.dumps(status)
    (folder / "status").write_text(text)
    program = folder / "rauc"
    program.write_text(f'#!/bin/sh\necho "$*" >>{folder}/asked\ncat {folder}/status\nexit {code}\n')
    program.chmod(0o755)
    return Rauc((str(program),))


STATUS = {
    "compatible": "borne-pi4",
    "booted": "B",
    "boot_primary": "root.0",
    "slots": [
        {"root.1": {"class": "root", "bootname": "B", "state": "booted", "parent": None}},
        {"boot.0": {"class": "boot", "bootname": None, "state": "inactive", "parent": "root.0"}},
        {"root.0": {"class": "root", "bootname": "A", "state": "inactive", "parent": None}},
    ],
}


def test_ok_which_slot_runs_and_which_is_primary(tmp_path) -> None:
    slots = a_rauc(tmp_path, STATUS).slots()
    assert slots == Slots(running="B", primary="A")
    assert slots.on_trial
    assert not a_rauc(tmp_path, STATUS | {"booted": "A"}).slots().on_trial


@pytest.mark.parametrize(
    "status",
    ["", "nonsense", "[]", "{}", STATUS | {"boot_primary": None}, STATUS | {"boot_primary": "root.9"}],
)
def test_fail_words_that_are_none(tmp_path, status) -> None:
    with pytest.raises(UpdaterUnavailable):
        a_rauc(tmp_path, status).slots()


def test_fail_it_says_no_or_is_not_there(tmp_path) -> None:
    with pytest.raises(UpdaterUnavailable, match="says no"):
        a_rauc(tmp_path, STATUS, code=1).mark_good()
    with pytest.raises(UpdaterUnavailable, match="does not answer"):
        Rauc((str(tmp_path / "none"),)).slots()


# agent


def run_agent(tmp_path, others: Others, updater, *, rounds: int = 3) -> list[dict]:
    reports = []

    async def publish(request):
        reports.append(request.report)

    others_uplink = others.uplink
    others_uplink.publish_telemetry = publish
    agent = AgentService(
        box=Box(device="box-1", post="Post"),
        data=tmp_path,
        capture=others.capture,
        lane=others.lane,
        uplink=others_uplink,
        updater=updater,
        report_seconds=0.01,
    )
    agent._devices = agent._records = _nothing  # of no interest here

    async def main():
        task = asyncio.ensure_future(agent.run())
        while len(reports) < rounds:
            await asyncio.sleep(0.005)
        task.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))
    return reports


async def _nothing():
    return {}


def asked(tmp_path) -> list[str]:
    return (tmp_path / "asked").read_text().splitlines()


def test_ok_agent_keeps_a_trial_that_is_well_and_asks_no_more(tmp_path) -> None:
    reports = run_agent(tmp_path, Others(), a_rauc(tmp_path, STATUS))
    assert asked(tmp_path) == ["status --detailed --output-format=json", "status mark-good"]
    assert (reports[-1]["update_confirmed"], reports[-1]["update_slot"]) == (True, "B")


def test_ok_agent_leaves_a_trial_that_is_not_well(tmp_path) -> None:
    reports = run_agent(tmp_path, Others(silent={"capture"}), a_rauc(tmp_path, STATUS))
    assert "status mark-good" not in asked(tmp_path)
    assert reports[-1]["update_missing_0"] == "devices_unreachable"


def test_ok_an_ordinary_start_needs_no_word(tmp_path) -> None:
    run_agent(tmp_path, Others(silent={"capture"}), a_rauc(tmp_path, STATUS | {"booted": "A"}))
    assert asked(tmp_path) == ["status --detailed --output-format=json"]


def test_fail_rauc_s_silence_is_reported(tmp_path) -> None:
    reports = run_agent(tmp_path, Others(), Rauc((str(tmp_path / "none"),)))
    assert reports[-1]["update_problem"] == "RAUC does not answer."


def test_ok_a_developer_s_machine_has_no_slots(tmp_path) -> None:
    assert not [name for name in run_agent(tmp_path, Others(), None)[-1] if name.startswith("update")]
