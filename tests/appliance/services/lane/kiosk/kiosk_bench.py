"""A technician's desk by script, for the page's tests: a box with broken parts, and answers as told."""

import msgspec

from appliance.contracts.agent import AgentStatus, SelfTestState
from appliance.contracts.capture import DeviceStatus, Looked
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import ListView, TrustView
from appliance.contracts.officers import OfficerAnswer
from appliance.contracts.post_joining import PostReport
from appliance.contracts.technician import SIGNALS, BenchView, OpenBench, Specimen, Tried
from appliance.contracts.uplink import NetworkLink, UplinkStatus
from appliance.simulation.portraits import draw_portrait

TOKEN = "the-word-of-this-visit"
PIN = "271828"

REQUEST = (
    '{"version":2,"device":"post-001-lane-1","signing_key":"' + "1a" * 32 + '","sealing_key":"' + "2b" * 32
    + '","csr":"-----BEGIN CERTIFICATE REQUEST-----\\n' + "MIHUMHwCAQAwGjEYMBYGA1UE" * 16 + '\\n"}'
)  # fmt: skip
"""As long as a box's real one."""
RENEWAL = PostReport(
    device="post-001-lane-1", state="renewal", until="2027-01-19", authority="0F1E 2D3C 4B5A 6978", members=3,
    request=REQUEST, letters="1A2B 3C4D 5E6F 7A8B", event="refused",
    sentence="members.post.json on the stick: The paper is older than one that this box has had.",
)  # fmt: skip
STRANGER = PostReport(device="post-001-lane-1", state="asked", request=REQUEST, letters="1A2B 3C4D 5E6F 7A8B")
MEMBER = PostReport(
    device="post-001-lane-1", state="member", until="2029-02-04", authority="0F1E 2D3C 4B5A 6978", members=3
)


def check(id_: str, verdict: str, reason: str, **evidence) -> Check:
    return Check(id=id_, verdict=Verdict(verdict), reason=reason, evidence=evidence)


RESULTS = (
    check("devices.document_reader.1", "PASS", "ready", device="document_reader/pcsc/ACS", model="ACR1252"),
    check("devices.camera.2", "PASS", "busy", device="camera/v4l2//dev/video0", model="UVC"),
    check("devices.fingerprint_sensor.3", "FAIL", "self_test_dirt", findings={"dirt": "seen"}),
    check("camera.picture", "PASS", "taken", size="640x480", faces=1, Sharpness=71),
    check("panel.lights", "NOT_DONE", "nobody_looks"),
    check("records.journal", "PASS", "open", recorded=1234, unsent=2),
    check("clock.quality", "PASS", "gnss", uncertainty_ms=140),
    check("trust.anchors", "PASS", "installed", authorities=588, version=7, age_hours=31.0),
    check("lists.persons", "FAIL", "stale", entries=18422, age_hours=221.0),
    check("central.network", "PASS", "link", links={"eth0": True}),
    check("central.broker", "FAIL", "not_connected", broker="broker.example.org:8883"),
    check("central.word", "NOT_DONE", "nothing_acknowledged", acknowledged=0),
    check("disk.flush", "PASS", "waits", median_ms=3.2, flushes=40),
    check("disk.card", "NOT_DONE", "not_told"),
    check("box.software", "NOT_DONE", "on_trial", version="0.9", slot="B"),
    check("box.health", "FAIL", "too_hot", temperature_celsius=83.1),
)
SPECIMEN = Specimen(
    lines=("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
    checks=(
        check("mrz.read", "PASS", "read"),
        check("mrz.composite_check_digit", "PASS", "valid"),
        check("chip.read", "PASS", "read"),
        check("chip.passive_authentication", "FAIL", "no_trust_anchor"),
    ),
)


def device(kind: str, **changes) -> DeviceStatus:
    values = {
        "kind": kind, "driver": "x", "key": f"{kind}/x/1", "model": f"Model of the {kind}", "state": "READY",
        "since_seconds": 7320.0, "simulated": True, "capabilities": (), "successes": 118, "failures": 2,
        "consecutive_failures": 0, "last_error": None, "last_success_seconds": 42.0, "p95_seconds": 0.41,
        "firmware": "1.07",
    }  # fmt: skip
    return DeviceStatus(**(values | changes))


BENCH = BenchView(
    devices=(
        device("document_reader"),
        device("camera", capabilities=("image",), state="BUSY"),
        device("fingerprint_sensor", state="ABSENT", last_error="DeviceGone", firmware=None, p95_seconds=None,
               last_success_seconds=None, problem="There is no fingerprint sensor on the bus."),
        device("panel"),
    ),
    agent=AgentStatus(
        version="0.9", device="post-001-lane-1", profile="demo",
        box={
            "temperature_celsius": 83.1, "under_voltage": False, "mains": False, "battery_percent": 64,
            "card_worn_percent": 20, "disk_free_bytes": 9 << 30, "disk_total_bytes": 14 << 30,
            "memory_available_bytes": 700 << 20, "memory_total_bytes": 1500 << 20, "uptime_seconds": 86_500.0,
            "warnings": ["too_hot", "on_battery"],
        },
        update={"slot": "B", "confirmed": False},
        link=UplinkStatus(
            connected=False, broker="broker.example.org:8883", acknowledged_seq=0, published=0, repeated=0,
            reconnects=3, last_problem="The broker does not answer.",
            links=(NetworkLink(name="eth0", up=True), NetworkLink(name="wlan0", up=False)),
        ),
    ),
    results=RESULTS, running=False, done=7, total=7,
    lists=(ListView(name="persons", entries=18_422, age_hours=221.0, stale=True),),
    trust=TrustView(authorities=588, version=7, age_hours=31.0),
    time_quality="gnss", uncertainty_ms=140, unsent=2, boot_to_ready_seconds=61.0,
)  # fmt: skip


class ScriptedDesk:
    """`free` is False once somebody has come; what was tried stands in `tried`."""

    def __init__(self, *, names: tuple[str, ...] = ("Chyngyz Tekhnik",), open_to_all: bool = False) -> None:
        self.names = names
        self.open_to_all = open_to_all
        self.free = True
        self.ended = ""
        self.bench = BENCH
        self.opened: list[OpenBench] = []
        self.tried: list[str] = []
        self.looks = 0
        self.visiting = False

    async def open(self, request: OpenBench) -> tuple[OfficerAnswer, str]:
        self.opened.append(request)
        if not self.open_to_all and request.pin != PIN:
            return OfficerAnswer(taken=False, problem="wrong_pin"), ""
        self.visiting, self.ended = True, ""
        return OfficerAnswer(taken=True), TOKEN

    def knows(self, token: str) -> bool:
        return self.visiting and token == TOKEN

    def end(self, why: str) -> None:
        self.visiting, self.ended = False, why
        self.free = why != "traveller"

    async def view(self) -> BenchView:
        return self.bench

    async def try_(self, token: str, what: str) -> Tried:
        if not self.knows(token):
            return Tried(taken=False, problem=self.ended or "closed")
        self.tried.append(what)
        change = {
            "run": {"running": True, "done": 3, "total": 7},
            "signal": {"signal": SIGNALS[0]},
            "seen": {"signal": ""},
            "specimen": {"doing": "specimen"},
            "finger": {"doing": "finger"},
            "stop": {"doing": ""},
        }.get(what, {})
        self.bench = msgspec.structs.replace(self.bench, **change)
        if what == "leave":
            self.end("leave")
        return Tried(taken=True)

    async def look_through(self, token: str, key: str) -> Looked:
        if not self.knows(token):
            raise ServiceError("closed", "Nobody works at this box's devices.")
        if key != "camera/x/1":
            raise ServiceError("no_device", "This box has no such camera.")
        self.looks += 1
        return Looked(
            jpeg=draw_portrait(self.looks % 3), width=1280, height=960, focus=100.0 + self.looks,
            luminance=121.0, dark=0.02, bright=0.11,
        )  # fmt: skip


def nothing_yet(bench: BenchView = BENCH) -> BenchView:
    """A box whose self-test has not run."""
    agent = msgspec.structs.replace(bench.agent, self_test=SelfTestState())
    return msgspec.structs.replace(bench, results=(), agent=agent)
