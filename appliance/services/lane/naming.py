"""Who works at this lane, in one place: who is on duty, whom central has appointed, the supervisor's desk."""

from collections.abc import Callable
from pathlib import Path

from nacl.signing import VerifyKey

from appliance.clock import Clock
from appliance.config import Box
from appliance.contracts.capture import Capture
from appliance.records.journal import Journal
from appliance.records.officers import Officers
from appliance.services.lane.appointing import AppointingDesk
from appliance.services.lane.card import CardReader
from appliance.services.lane.duty import Duty
from appliance.services.lane.officers_desk import OfficersDesk
from appliance.services.lane.policy import OfficersAsked
from appliance.services.lane.workflow import Step


class Naming:
    """`key` signs appointments; None: nobody is appointed. `step` is where the lane stands, once it runs."""

    def __init__(
        self,
        *,
        officers: Officers,
        journal: Journal,
        clock: Clock,
        capture: Capture,
        box: Box,
        changed: Callable[[], None],
        asked: Callable[[], OfficersAsked],
        key: VerifyKey | None,
        stick: Path | None,
        step: Callable[[], Step],
    ) -> None:
        cards = CardReader(capture, box)
        self.duty = Duty(
            officers=officers, journal=journal, clock=clock, cards=cards, changed=changed, asked=asked
        )
        self.appointing = AppointingDesk(
            key=key, officers=officers, duty=self.duty, clock=clock, device=box.device, stick=stick
        )
        self.desk = OfficersDesk(officers=officers, duty=self.duty, clock=clock, cards=cards, step=step)

    def look(self) -> None:
        """At the book, which another process writes, and at the technician's stick."""
        self.duty.look()
        self.appointing.look()
