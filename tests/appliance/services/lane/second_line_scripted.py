"""A reader with lights, officers of every role, and what central would read: for the second line's tests."""

import cv2
import numpy as np
from scripted import ScriptedCapture

from appliance.contracts.capture import LitPicture, MrzEvidence, Wait
from appliance.contracts.lane import FetchOutbox
from appliance.contracts.officers import Login, Role
from appliance.records import envelope
from appliance.records.officers import Officers
from appliance.simulation.pages import draw_page
from appliance.simulation.portraits import draw_portrait
from appliance.simulation.travellers import traveller

HONEST, NEAR, STOLEN = 1, 2, 3
PINS = {"Aida": "271828", "Cholpon": "161803", "Bek": "314159", "Emil": "141421", "Dinara": "223606"}
ROLES = {
    "Aida": frozenset({Role.OFFICER}),
    "Cholpon": frozenset({Role.SUPERVISOR, Role.OFFICER}),
    "Bek": frozenset({Role.TECHNICIAN}),
    "Emil": frozenset({Role.SECOND_LINE, Role.OFFICER}),
    "Dinara": frozenset({Role.SUPERVISOR}),
}
REASON = "Her papers are genuine: the consulate has confirmed them."


def staff(folder, storage) -> Officers:
    book = Officers(folder, storage)
    for name, pin in PINS.items():
        book.add(name, pin, ROLES[name])
    return book


def login(name: str) -> Login:
    return Login(name=name, pin=PINS.get(name, ""))


class LitReader(ScriptedCapture):
    """Its camera has four lights: the same drawn page, tinted."""

    def __init__(self, number: int, **failures: list[str]) -> None:
        super().__init__((), **failures)
        self.turn_to(number)

    def turn_to(self, number: int) -> None:
        """Another traveller."""
        self.lines = traveller(number).lines
        page = draw_page(self.lines, draw_portrait(number), seed=number)
        small = cv2.resize(page, (640, 480))
        grey = cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        pictures = {
            "white": small,
            "infrared": grey,
            "ultraviolet": (small * np.array([0.9, 0.35, 0.45])).astype(np.uint8),
        }
        self.lit = tuple(LitPicture(light=light, jpeg=_jpeg(one)) for light, one in pictures.items())
        self.page = _jpeg(small)

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        await self._called("read_mrz")
        return MrzEvidence(
            lines=self.lines, source="camera", device="c", simulated=True, page=self.page, lit=self.lit
        )


def _jpeg(picture) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


async def refer(officer, *, crossings: int = 1) -> str:
    """The traveller who comes is referred; the crossing's name."""
    await officer.press()
    view = await officer.until(lambda view: view.step == "deciding" and view.hold == "refer")
    await officer.press("hold")
    await officer.until(lambda view: view.crossings == crossings and view.press == "start")
    return view.crossing


async def records(lane, house) -> list[tuple[str, dict]]:
    """What central would read: type and body."""
    page = await lane.fetch_outbox(FetchOutbox(after=0, limit=256))
    key = lane._journal._keys.signing.verify_key
    found = []
    for record in page.records:
        sealed = envelope.verify(record.envelope, verify_key_for=lambda _kid: key)
        opened = envelope.open_(sealed, private_key=house.central_sealing)
        found.append((opened.type, opened.body))
    return found
