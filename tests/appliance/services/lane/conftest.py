"""A lane over its real journal, lists and policy; only the devices are scripted."""

import asyncio
import datetime as dt
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

from appliance.clock import Clock
from appliance.config import Box, ClockSource, Profile
from appliance.contracts.lane import Press, SignedData, View
from appliance.face_settings import FaceSettings
from appliance.finger_settings import FingerSettings
from appliance.opening import content_checks
from appliance.records import officers
from appliance.records.cases import Cases
from appliance.records.enrolment import Enrolments
from appliance.records.expected import Expected
from appliance.records.history import History
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.memory import Memory
from appliance.records.officers import Officers
from appliance.records.statistics.book import Book
from appliance.records.visas import Visas
from appliance.reference_data.commands import sign_other
from appliance.reference_data.repository import Repository
from appliance.reference_data.sealed import ContentType
from appliance.reference_data.store import ReferenceStore
from appliance.reference_data.trust_folder import TrustFolder, install_trust_store
from appliance.services.lane.in_force import InForce
from appliance.services.lane.live import GatewayKeys
from appliance.services.lane.policy import Policy, load_policy
from appliance.services.lane.service import LaneService
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.travellers import ISSUING_STATES
from appliance.simulation.watchlists import demo_reference_data

sys.path.insert(0, str(Path(__file__).parent))  # what the tests of this folder share

BOX = Box(device="test-box", post="Test post", profile=Profile.TRAINING, clock=ClockSource.HOST)
CENTRAL_SEALING = PrivateKey.generate()
CENTRAL_WATERMARK = SigningKey.generate()
CENTRAL_OPERATOR = SigningKey.generate()
CENTRAL_AUTHORITY = SigningKey.generate()
ISSUER = SigningKey.generate()


@pytest.fixture
def quick_pins(monkeypatch) -> None:
    """Looking at a PIN takes no time."""
    monkeypatch.setattr(officers, "MEMORY", 8192)
    monkeypatch.setattr(officers, "OPS", 1)


@pytest.fixture(scope="session")
def issuer() -> SigningKey:
    return ISSUER


@pytest.fixture(scope="session")
def keys_and_lists(tmp_path_factory):
    """The box's keys, and the demo's lists for them, made once."""
    folder = tmp_path_factory.mktemp("keys")
    keys = load_box_keys(folder)
    issued_at = dt.datetime.now(dt.UTC) - dt.timedelta(hours=5)
    repository = demo_reference_data(
        folder / "repository", issued_at=issued_at, signing_key=ISSUER, recipients=[keys.sealing.public_key]
    )
    return keys, repository


def _without_waiting(policy: Policy) -> Policy:
    """The policy that ships; nobody reads the notice here."""
    return msgspec.structs.replace(policy, pace=msgspec.structs.replace(policy.pace, notice_seconds=0.0))


@pytest.fixture
def make_lane(tmp_path: Path, keys_and_lists):
    """Builds a lane in the test's folder; building it again is a restart."""
    opened: list[LaneService] = []
    keys, repository = keys_and_lists

    def make(
        capture: Any,
        *,
        policy: Path | None = None,
        lists: bool = True,
        trust: bool = True,
        face: FaceSettings | None = None,
        gateway: GatewayKeys | None = None,
        finger: FingerSettings | None = None,
        post: Any = None,
        appointing: VerifyKey | None = None,
    ) -> LaneService:
        for lane in opened:
            lane.close()
        journal = Journal.open(
            tmp_path / "journal.db",
            keys=keys,
            central=CentralKeys(
                CENTRAL_SEALING.public_key,
                CENTRAL_WATERMARK.verify_key,
                CENTRAL_OPERATOR.verify_key,
                CENTRAL_AUTHORITY.verify_key,
            ),
            device=BOX.device,
        )
        store = ReferenceStore(
            tmp_path / "lists",
            root=repository.first_root,
            private_key=keys.sealing,
            floor_folders=(tmp_path / "floor",),
            content_checks=content_checks(),
        )
        if trust:
            known = trust_store_for(
                ISSUING_STATES, now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=5)
            )
            install_trust_store(tmp_path / "trust", known.to_bytes())
        if lists:
            store.receive(repository.message(), now=dt.datetime.now(dt.UTC), time_quality="rtc")
        provisioned = load_policy(policy)
        opened.append(
            LaneService(
                box=BOX,
                in_force=InForce(
                    _without_waiting(provisioned) if policy is None else provisioned,
                    signed=store,
                    trust=tmp_path / "trust",
                    trust_check=content_checks()[ContentType.TRUST_ANCHORS],
                ),
                face=face,
                finger=finger,
                enrolments=Enrolments.open(tmp_path / "enrolments.db", storage=keys.storage),
                capture=capture,
                journal=journal,
                lists=store,
                trust=TrustFolder(tmp_path / "trust"),
                clock=Clock(source=ClockSource.HOST),
                memory=Memory.open(tmp_path / "memory.db", storage=keys.storage),
                history=History.open(tmp_path / "history.db", storage=keys.storage),
                expected=Expected.open(tmp_path / "expected.db", storage=keys.storage),
                cases=Cases.open(tmp_path / "cases.db", storage=keys.storage),
                visas=Visas.open(tmp_path / "visas.db", storage=keys.storage),
                stick=tmp_path / "stick",
                post=post,
                officers=Officers(tmp_path, keys.storage),
                appointing=appointing,
                gateway=gateway,
                book=Book.open(tmp_path / "statistics.db", storage=keys.storage),
            )
        )
        return opened[-1]

    yield make
    for lane in opened:
        lane.close()


@pytest.fixture
def central_signs(keys_and_lists, issuer, tmp_path: Path):
    """The message with which central gives boxes a policy or trust anchors."""
    keys, lists = keys_and_lists
    shutil.copytree(lists._folder, tmp_path / "repository")
    versions = iter(range(1, 100))

    def signs(type_: ContentType, content: bytes) -> SignedData:
        repository = Repository(tmp_path / "repository")
        (tmp_path / "content").write_bytes(content)
        sign_other(
            tmp_path / "content",
            repository,
            type_=type_,
            version=next(versions),
            recipients=[keys.sealing.public_key],
            issuer_keys=[issuer],
            publisher_key=issuer,
            now=dt.datetime.now(dt.UTC),
        )
        return SignedData(data=Repository(tmp_path / "repository").message(type_.value))

    return signs


class Officer:
    """Looks at the screen and presses, as a test tells."""

    def __init__(self, lane: LaneService) -> None:
        self.lane = lane
        self.seen: list[View] = []

    async def until(self, wanted: Callable[[View], bool], *, seconds: float = 60.0) -> View:
        async with asyncio.timeout(seconds):
            view = self.lane.view()
            while not wanted(view):
                view = await self.lane.wait_for_change(view.revision, 1.0)
            self.seen.append(view)
            return view

    async def press(self, event: str = "press") -> View:
        """Answer what is on the screen now; returns that view."""
        while True:
            view = await self.until(lambda view: (view.press if event == "press" else view.hold) is not None)
            taken = await self.lane.press(Press(event=event, revision=view.revision))
            if taken.taken:
                return view
            await asyncio.sleep(0.01)  # the screen changed between the look and the press

    async def until_recorded(self, crossings: int) -> View:
        """And over: the record counts before the box has remembered what it keeps beside it."""
        return await self.until(lambda view: view.crossings == crossings and view.step != "deciding")


def run_with_officer(lane: LaneService, work: Callable[[Officer], Any]) -> Any:
    """Run the lane while the officer does this work; the lane is cancelled at its end."""

    async def main() -> Any:
        task = asyncio.create_task(lane.run())
        try:
            working = asyncio.create_task(work(Officer(lane)))
            await asyncio.wait({task, working}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not working.done():
                working.cancel()
                task.result()
            return await working
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(main())


@pytest.fixture
def house() -> SimpleNamespace:
    return SimpleNamespace(
        run=run_with_officer,
        central_sealing=CENTRAL_SEALING,
        central_watermark=CENTRAL_WATERMARK,
        central_operator=CENTRAL_OPERATOR,
        central_authority=CENTRAL_AUTHORITY,
        box=BOX,
    )
