"""The serial port of a fingerprint module: which errors it has, and what they mean."""

import errno
import termios

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone

LINE_ERRORS = (OSError, termios.error)
"""pyserial's own errors are OSErrors; those of the terminal layer come through it as they are."""


def why_not_open(error: OSError | termios.error, port: str, *, what: str) -> DeviceError:
    """The error of hal that says why this port could not be opened; `what` should have been on it."""
    number = getattr(error, "errno", None)
    if number is None:  # a failed setting: pyserial keeps its number only in the error before
        number = next(iter((error.__context__ or error).args), None)
    if number in (errno.EBUSY, errno.EAGAIN):
        return DeviceBusy(f"Another program holds {port}.")
    if number in (errno.EACCES, errno.EPERM):
        return DeviceFault(f"{port} may not be opened: this service needs the group that owns it (dialout).")
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR):
        return DeviceFault(f"{port} is not a serial port.")
    return DeviceGone(f"There is no {what} on {port}.")
