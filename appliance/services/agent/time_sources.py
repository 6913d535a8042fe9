"""What the time daemon follows, from the box's configuration: chrony's lines (chrony.conf(5), 4.3).

Whoever provisions names servers; the names are checked by the configuration's schema before they come here,
so that none of them can begin a line of its own.
"""

from pathlib import Path
from typing import Final

from appliance.config import Broker, TimeSources, load_config
from appliance.whole_files import write_whole

RUN: Final = Path("/run/chrony.d")
FILE: Final = "borne.conf"
AUTHORITY: Final = "authority.pem"
"""Beside it where servers prove who they are: central's authority vouches for its own time servers."""
GNSS_MARK: Final = "gnss"
"""Beside it where there is a receiver: borne-gnss.service and borne-clock.service wait for it."""
GNSS_SOCKET: Final = "/run/chrony.gnss.sock"
GNSS_REFID: Final = "GNSS"
"""Both as `borne time` has them (appliance.gnss_time, appliance.time_followed)."""


def chrony_lines(time: TimeSources, authority: Path | None = None) -> str:
    """Servers that prove who they are (NTS, RFC 8915), or plain ones; never the second beside the first.

    `authority`: who may vouch for them besides the public authorities that the image knows.
    """
    trusted = " prefer trust" if time.gnss is not None else ""  # satellites alone do not outvote a proof
    lines = [f"server {name} iburst nts{trusted}" for name in time.nts]
    if time.nts:
        # A box without a battery wakes up in the past, where every certificate is of the future: the first
        # setting of the clock does not ask for dates.
        lines += ["authselectmode require", "nocerttimecheck 1"]
        lines += [f"ntstrustedcerts {authority}"] if authority is not None else []
    lines += [f"server {name} iburst" for name in time.ntp]
    if time.gnss is not None:
        # `delay`: how little a sentence on a serial line says of the moment in which it came.
        lines.append(f"refclock SOCK {GNSS_SOCKET} refid {GNSS_REFID} poll 4 delay 0.5 precision 0.05")
    return "".join(f"{line}\n" for line in lines)


def write_time_sources(configuration: Path, run: Path = RUN) -> None:
    """For the time daemon, before it starts.

    Raises:
        ConfigError: the configuration cannot be used.
        OSError: the lines cannot be written.
    """
    config = load_config(configuration)
    time = config.time
    authority = _write_authority(config.broker, run / AUTHORITY) if time.nts else None
    write_whole(run / FILE, chrony_lines(time, authority).encode("ascii"), mode=0o644)
    if time.gnss is not None:
        write_whole(run / GNSS_MARK, time.gnss.port.encode("ascii"), mode=0o644)
    else:
        (run / GNSS_MARK).unlink(missing_ok=True)


def _write_authority(broker: Broker | None, target: Path) -> Path | None:
    """A copy for the time daemon, which may not look into /etc/borne; None where there is none to copy."""
    if broker is None or not broker.ca.exists():
        target.unlink(missing_ok=True)
        return None
    write_whole(target, broker.ca.read_bytes(), mode=0o644)
    return target
