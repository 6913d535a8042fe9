"""The units: their sandboxes' scores, their sockets' names, and what each must never be given."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from appliance.gnss_time import SOCKET
from appliance.services.agent.time_sources import GNSS_REFID, GNSS_SOCKET
from appliance.time_followed import REFID
from hal.families import FAMILIES, SerialPort, Usb

REPOSITORY = Path(__file__).parents[2]
UNITS = REPOSITORY / "systemd"
SERVICES = ("capture", "lane", "uplink", "agent")
OF_POST = ("post-gather", "post-take", "post-tell")
ONESHOTS = ("answered", "card", "keys", "provision", "recover@", "restart", "poweroff", "trial", *OF_POST)
OF_TIME = ("gnss", "clock")
SCORES = {"capture": 1.2, "lane": 0.7, "uplink": 1.2, "agent": 0.7, "display": 2.5, "enrol": 1.2}
SCORES |= dict.fromkeys((*ONESHOTS, *OF_TIME), 1.2)
"""Exposure, 0 to 10, at most."""
SOCKETS = {
    "borne-capture.socket": ("capture", "/run/borne/capture.sock", "borne-capture"),
    "borne-lane.socket": ("lane", "/run/borne/lane.sock", "borne-lane"),
    "borne-kiosk.socket": ("kiosk", "127.0.0.1:8080", "borne-lane"),
    "borne-uplink.socket": ("uplink", "/run/borne/uplink.sock", "borne-uplink"),
    "borne-agent.socket": ("agent", "/run/borne/agent.sock", "borne-agent"),
}

Settings = dict[str, list[str]]
PROGRAMS = (
    *(
        "/opt/borne/bin/borne",
        "/opt/borne/libexec/recover",
        "/opt/borne/libexec/show",
        "/opt/borne/libexec/trial-over",
        "/usr/bin/cog",
        "/usr/bin/systemctl",
    ),
)
analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(analyze is None, reason="systemd-analyze is not installed")


def parse(*paths: Path) -> Settings:
    """Every assignment of a unit and its drop-ins in reading order; systemd, unlike configparser, repeats."""
    settings: Settings = defaultdict(list)
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"(\w+)=(.*)", line):
                settings[found[1]].append(found[2].strip())
    return settings


def service(name: str) -> Settings:
    own = UNITS / f"borne-{name}.service.d"
    drop_ins = [*(UNITS / "borne-.service.d").glob("*.conf"), *(own.glob("*.conf") if own.is_dir() else ())]
    return parse(UNITS / f"borne-{name}.service", *sorted(drop_ins, key=lambda path: path.name))


def groups() -> dict[str, set[str]]:
    """user -> the groups that sysusers puts it into"""
    members: dict[str, set[str]] = defaultdict(set)
    for line in (UNITS / "sysusers.d/borne.conf").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words and words[0] == "m":
            members[words[1]].add(words[2])
        elif words and words[0] == "u":
            members[words[1]].add(words[1])
    return members


@needs_systemd
@pytest.mark.parametrize("name", SCORES)
def test_ok_the_sandbox_is_as_tight_as_promised(name: str) -> None:
    unit = UNITS / f"borne-{name}.service"
    threshold = str(round(SCORES[name] * 10))
    command = [str(analyze), "security", "--offline=yes", "--no-pager", f"--threshold={threshold}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if "✓" not in line]


@needs_systemd
@pytest.mark.parametrize(("name", "most"), [("lane", 0.8), ("keys", 1.2), ("post-take", 1.2)])
def test_ok_a_tpm_opens_a_sandbox_by_one_device_alone(tmp_path: Path, name: str, most: float) -> None:
    """On boards with a TPM: 0.1 more than lane has without one, for the device."""
    own = f"borne-{name}.service.d"
    shutil.copytree(UNITS / "borne-.service.d", tmp_path / "borne-.service.d")
    if (UNITS / own).exists():
        shutil.copytree(UNITS / own, tmp_path / own)
    shutil.copytree(UNITS / "with-tpm" / own, tmp_path / own, dirs_exist_ok=True)
    unit = Path(shutil.copy(UNITS / f"borne-{name}.service", tmp_path))
    assert parse(UNITS / "with-tpm" / own / "30-tpm.conf")["DeviceAllow"] == ["/dev/tpmrm0 rw"]
    command = [
        str(analyze),
        "security",
        "--offline=yes",
        "--no-pager",
        f"--threshold={round(most * 10)}",
        str(unit),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


@needs_systemd
def test_fail_a_service_without_the_sandbox_is_over_the_limit(tmp_path: Path) -> None:
    unit = tmp_path / "borne-capture.service"  # alone: its drop-ins stay behind
    unit.write_text((UNITS / unit.name).read_text(encoding="utf-8"), encoding="utf-8")
    command = [str(analyze), "security", "--offline=yes", "--no-pager", "--threshold=12", str(unit)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@needs_systemd
def test_ok_systemd_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    """With a program that exists in place of /opt/borne, which only a box has."""
    for path in UNITS.rglob("*"):
        if path.suffix in {".service", ".socket", ".conf"}:
            copy = tmp_path / path.relative_to(UNITS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            for program in PROGRAMS:
                text = text.replace(program, str(analyze))
            copy.write_text(text, encoding="utf-8")
    units = [str(path) for path in sorted(tmp_path.glob("borne-*.s*")) if path.is_file()]
    command = [str(analyze), "verify", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "borne" in line]
    assert ours == []


@pytest.mark.parametrize("name", SERVICES)
def test_ok_every_service_is_started_as_agreed(name: str) -> None:
    unit = service(name)
    assert unit["ExecStart"] == [f"/opt/borne/bin/borne run {name}"]
    assert unit["User"] == unit["Group"] == [f"borne-{name}"]
    assert unit["Type"] == ["notify"]
    assert int(unit["WatchdogSec"][0]) > 0
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["LimitCORE"] == ["0"]
    assert unit["DevicePolicy"] == ["closed"]


@pytest.mark.parametrize("file", SOCKETS)
def test_ok_every_socket_is_named_as_the_service_expects(file: str) -> None:
    name, address, owner = SOCKETS[file]
    socket = parse(UNITS / file)
    assert socket["FileDescriptorName"] == [name]
    assert socket["ListenStream"] == [address]
    target = socket["Service"] or [file.replace(".socket", ".service")]
    assert target == [f"{owner}.service"]
    assert file in service(owner.removeprefix("borne-"))["Sockets"][0].split()
    if address.startswith("/"):
        assert (socket["SocketUser"], socket["SocketGroup"]) == ([owner], [owner])
        assert socket["SocketMode"] == ["0660"]


def test_ok_each_service_has_the_families_of_its_work_alone() -> None:
    families = {name: set(service(name)["RestrictAddressFamilies"][0].split()) for name in SERVICES}
    assert families == {
        "capture": {"AF_UNIX", "AF_NETLINK"},
        "lane": {"AF_UNIX"},
        "uplink": {"AF_UNIX", "AF_INET", "AF_INET6"},
        "agent": {"AF_UNIX"},
    }


def test_ok_only_capture_has_devices_and_only_uplink_a_way_out() -> None:
    for name in SERVICES:
        unit = service(name)
        assert bool(unit["DeviceAllow"]) == (name == "capture"), name
        assert (unit["PrivateDevices"] == ["yes"]) == (name != "capture"), name
        assert ("any" in unit["IPAddressDeny"]) == (name != "uplink"), name
    # udev's messages do not cross a network namespace
    assert "yes" not in service("capture")["PrivateNetwork"]
    assert service("lane")["PrivateNetwork"] == service("agent")["PrivateNetwork"] == ["yes"]


def test_ok_who_is_called_sees_who_calls() -> None:
    """Under PrivateUsers, SO_PEERCRED names every other user `nobody`: all callers would look alike."""
    for name in SERVICES:
        assert "yes" not in service(name)["PrivateUsers"], name


def test_ok_lane_may_ask_how_sure_the_time_is() -> None:
    """adjtimex(3) is the call clock_adjtime in today's libc; without it every record's time is unsure."""
    lane = service("lane")
    assert {"adjtimex", "clock_adjtime"} <= set(lane["SystemCallFilter"][-1].split())  # after ~@privileged
    assert "yes" not in lane["ProtectClock"]


def test_ok_what_differs_between_services_is_not_in_the_common_drop_in() -> None:
    """A drop-in overrules the unit: IPAddressDeny=any in it would cut uplink off, whatever its unit said."""
    common = parse(UNITS / "borne-.service.d/10-sandbox.conf")
    for name in SERVICES:
        own = parse(UNITS / f"borne-{name}.service")
        assert common.keys() & own.keys() == set(), name


def test_ok_who_may_call_whom() -> None:
    members = groups()
    assert members["borne-capture"] == {"borne-capture", "borne-devices"}
    assert members["borne-lane"] == {"borne-lane", "borne-capture", "borne-uplink", "borne-agent"}
    assert members["borne-uplink"] == {"borne-uplink", "borne-lane"}
    assert members["borne-agent"] == {"borne-agent", "borne-capture", "borne-lane", "borne-uplink"}


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_ok_sysusers_makes_every_user_without_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", str(UNITS / "sysusers.d/borne.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "borne.conf" not in done.stdout + done.stderr
    made = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    assert made == {f"borne-{name}" for name in (*SERVICES, "display", "provision", "gnss")}


def test_ok_records_and_keys_are_lane_s_alone() -> None:
    lines = (UNITS / "tmpfiles.d/borne.conf").read_text(encoding="utf-8").splitlines()
    entries = {
        words[1]: words[2:5] for words in map(str.split, lines) if words and not words[0].startswith("#")
    }
    assert entries["/var/lib/borne"] == ["0700", "borne-lane", "borne-lane"]
    assert entries["/etc/borne/keys"] == ["0700", "borne-lane", "borne-lane"]
    # provisioning writes here; the folder's group is uplink's, and so is every new file's
    assert entries["/etc/borne/tls"] == ["2750", "borne-provision", "borne-uplink"]


def test_ok_udev_knows_the_devices_that_capture_opens_itself() -> None:
    """The table of hal/families.py and the rules file name the same ids; pcscd opens its readers as root."""
    rules = (REPOSITORY / "config/udev/70-borne.rules").read_text(encoding="utf-8")
    named = set(re.findall(r'ATTRS?\{idVendor\}=="([0-9a-f]{4})"', rules))
    wanted = {family.rule.vendor for family in FAMILIES if isinstance(family.rule, SerialPort)}
    wanted |= {
        family.rule.vendor for family in FAMILIES if isinstance(family.rule, Usb) and family.driver != "pcsc"
    }
    assert named == wanted
    both = r'ATTR\{idVendor\}=="([0-9a-f]{4})", ATTR\{idProduct\}=="([0-9a-f]{4})"'
    products = set(re.findall(both, rules))
    assert products == {
        (family.rule.vendor, product)
        for family in FAMILIES
        if isinstance(family.rule, Usb) and family.driver != "pcsc"
        for product in family.rule.products
    }


def test_ok_the_usb_allow_list_lets_in_what_is_driven_by_its_maker() -> None:
    """Readers that type, contactless readers and fingerprint sensors are known by who made them."""
    rules = (REPOSITORY / "config/udev/71-borne-usb.rules").read_text(encoding="utf-8")
    lines = [line for line in rules.splitlines() if line.endswith('GOTO="borne_usb_allow"')]
    named = {
        vendor
        for line in lines
        if (found := re.search(r'ATTR\{idVendor\}=="([0-9a-f|]+)"', line))
        for vendor in found[1].split("|")
    }
    adapters = {"0403", "10c4", "067b", "1a86"}
    rules_of = [family.rule for family in FAMILIES]
    assert named - adapters == {rule.vendor for rule in rules_of if isinstance(rule, SerialPort | Usb)}
    command_line = (REPOSITORY / "image-build/boot.py").read_text(encoding="utf-8")
    assert "usbcore.authorized_default=0" in command_line  # or the rules change nothing


def udevadm_verifies() -> bool:
    """`udevadm verify` came with systemd 254."""
    if shutil.which("udevadm") is None:
        return False
    listing = subprocess.run(["udevadm", "--help"], capture_output=True, text=True, check=False).stdout
    return re.search(r"^\s+verify\b", listing, re.MULTILINE) is not None


@pytest.mark.skipif(not udevadm_verifies(), reason="no udevadm here that verifies rules")
def test_ok_udev_can_read_the_rules() -> None:
    rules = REPOSITORY / "config/udev/70-borne.rules"
    # the group exists on a box alone
    command = ["udevadm", "verify", "--resolve-names=never", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ok_every_unit_has_a_score_to_keep() -> None:
    units = {path.stem.removeprefix("borne-") for path in UNITS.glob("borne-*.service")}
    assert units == SCORES.keys()


@pytest.mark.parametrize("name", ONESHOTS)
def test_ok_a_oneshot_waits_for_no_configuration_and_feeds_no_watchdog(name: str) -> None:
    """The common drop-in says otherwise, and is read after the unit: each has one of its own, read later."""
    unit = service(name)
    assert unit["Type"][-1] == "oneshot"
    assert unit["WatchdogSec"][-1] == "0"
    assert unit["Restart"][-1] == "no"
    assert "OnFailure" not in unit  # such a list can be added to, and never emptied again
    assert "/etc/borne/borne.toml" not in unit["ConditionPathExists"][unit["ConditionPathExists"].index("") :]


@pytest.mark.parametrize("name", ["restart", "poweroff"])
def test_ok_what_agent_asks_for_is_done_once(name: str) -> None:
    """The file stays: a service that has ended would be started again at once, until the box has ended."""
    assert parse(UNITS / f"borne-{name}.path")["PathExists"]
    assert service(name)["RemainAfterExit"] == ["yes"]
    assert service(name)["SuccessExitStatus"] == ["SIGTERM"]  # it is ended by what it has asked for


def test_ok_what_reads_a_stick_for_the_post_has_no_key_and_what_has_the_keys_no_stick() -> None:
    keys, strangers = {"-/etc/borne/keys", "-/etc/borne/post"}, {"-/boot/borne", "-/run/borne/stick"}
    hidden = {name: set(service(name)["InaccessiblePaths"][0].split()) for name in OF_POST}
    assert keys <= hidden["post-gather"]
    assert keys <= hidden["post-tell"]
    assert strangers <= hidden["post-take"]
    for name in OF_POST:
        unit = service(name)
        assert unit["PrivateNetwork"] == ["yes"]
        assert unit["RestrictAddressFamilies"] == ["AF_UNIX"]
        assert unit["WantedBy"] == ["multi-user.target run-borne-stick.mount"]
    assert service("post-gather")["ReadWritePaths"] == []
    own = "-/etc/borne/keys -/etc/borne/post -/etc/borne/post-asked"
    assert service("post-take")["ReadWritePaths"] == [own]
    # a box that is never switched off asks for its next certificate all the same
    assert parse(UNITS / "borne-post-gather.timer")["OnUnitActiveSec"] == ["1d"]
    assert service("post-gather")["OnSuccess"] == ["borne-post-take.service"]
    assert service("post-take")["OnSuccess"] == ["borne-post-tell.service"]
    assert {"borne-lane.service", "borne-uplink.service"} <= set(service("post-take")["Before"][0].split())


def test_ok_the_key_that_waits_for_its_certificate_is_no_service_s() -> None:
    """Its folder belongs to the errand's user, which is lane's: so lane's own sandbox hides it."""
    lines = (UNITS / "tmpfiles.d/borne.conf").read_text(encoding="utf-8").splitlines()
    (asked,) = [line.split() for line in lines if "/etc/borne/post-asked" in line]
    assert asked[2:4] == ["0700", "borne-lane"]
    assert service("lane")["InaccessiblePaths"] == ["-/etc/borne/post-asked"]
    for name in ("keys", "card", "provision", "answered", "enrol"):
        assert "-/etc/borne/post" in service(name)["InaccessiblePaths"][0].split(), name


@pytest.mark.parametrize("name", OF_TIME)
def test_ok_time_from_satellites_waits_for_a_receiver_and_has_neither_keys_nor_network(name: str) -> None:
    unit = service(name)
    assert unit["ConditionPathExists"][0] == "/run/chrony.d/gnss"  # what borne-provision writes
    assert (unit["Type"][-1], unit["WatchdogSec"][-1], unit["Restart"][-1]) == ("exec", "0", "on-failure")
    assert unit["PrivateNetwork"] == ["yes"]
    assert {"-/etc/borne/keys", "-/var/lib/borne"} <= set(unit["InaccessiblePaths"][0].split())
    assert bool(unit["DeviceAllow"]) == (name == "gnss")


def test_ok_the_time_daemon_s_drop_in_and_the_services_mean_the_same_socket() -> None:
    folder = REPOSITORY / "image-build/overlay/usr/lib/systemd/system/chrony.service.d"
    text = (folder / "10-borne.conf").read_text("utf-8")
    assert str(SOCKET) == GNSS_SOCKET
    assert text.count(GNSS_SOCKET) == 2
    assert GNSS_REFID == REFID


def test_ok_a_dead_screen_takes_nothing_with_it() -> None:
    """The lights, the button and the crossing are capture's and lane's."""
    for name in SERVICES:
        text = (UNITS / f"borne-{name}.service").read_text(encoding="utf-8")
        assert "borne-display" not in text
    display = service("display")
    assert "OnFailure" not in display  # and the box is not started again for a screen's sake
    assert display["StartLimitIntervalSec"][-1] == "0"
    assert display["IPAddressAllow"] == ["localhost"]


def test_ok_a_service_has_a_budget_of_starts() -> None:
    for name in SERVICES:
        unit = service(name)
        assert (unit["StartLimitIntervalSec"], unit["StartLimitBurst"]) == (["15min"], ["60"])
        assert unit["OnFailure"] == ["borne-recover@%n.service"]


def test_ok_the_hardware_watchdog_is_set_to_what_the_board_can_count() -> None:
    manager = parse(UNITS / "system.conf.d/10-watchdog.conf")
    assert 0 < int(manager["RuntimeWatchdogSec"][0]) < 15.99


def test_ok_a_driver_that_its_first_device_loads_is_there_before_capture() -> None:
    """DeviceAllow=char-NAME is resolved against /proc/devices when the unit starts, and then never again."""
    capture = service("capture")
    loaded = {"char-ttyUSB rw": "usbserial", "char-ttyACM rw": "cdc_acm", "char-video4linux rw": "videodev"}
    for allowed, module in loaded.items():
        assert allowed in capture["DeviceAllow"]
        for setting in ("Wants", "After"):
            assert any(f"modprobe@{module}.service" in line for line in capture[setting]), (setting, module)
