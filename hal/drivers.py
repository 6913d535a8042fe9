"""Makes a device of its kind, its driver's name and its options; every mistake is named."""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec
import msgspec.inspect
import msgspec.structs

from hal.device import Device
from hal.families import drivers
from hal.vendor import VendorDriverError, check_vendor_device, load_vendor_class


class ConfigurationError(Exception):
    """A device is configured wrongly: which key, what is allowed there, what was perhaps meant."""

    def __init__(
        self, sentence: str, *, key: str, allowed: Sequence[str] = (), did_you_mean: str | None = None
    ) -> None:
        if did_you_mean is not None:
            sentence += f" Did you mean `{did_you_mean}`?"
        if allowed:
            sentence += f" Allowed: {', '.join(allowed)}."
        super().__init__(sentence)
        self.key = key
        self.allowed = tuple(allowed)
        self.did_you_mean = did_you_mean


class _DriverFile(Protocol):
    """What every `hal/<kind>/<driver>.py` has."""

    Options: type[msgspec.Struct]

    def create(self, options: msgspec.Struct) -> Device: ...


def make_device(kind: str, driver: str, options: Mapping[str, Any]) -> Device:
    """The device, not yet opened. A driver of somebody else's is named `package.module:Class`.

    Raises:
        ConfigurationError: there is no such kind, driver or option, or an option's value does not fit.
    """
    known = drivers()
    if kind not in known:
        raise _unknown("kind", kind, known)
    if ":" in driver:
        return _vendor_device(kind, driver, options)
    if driver not in known[kind]:
        raise _unknown("driver", driver, known[kind], f" of kind {kind}")
    module = cast(_DriverFile, importlib.import_module(f"hal.{kind}.{driver}"))
    return module.create(_parse(f"{kind}/{driver}", module.Options, options))


def _vendor_device(kind: str, driver: str, options: Mapping[str, Any]) -> Device:
    """A driver that is not ours, by `package.module:Class`; see docs/vendor-sdk.md."""
    try:
        vendor = load_vendor_class(driver)
        device = vendor(_parse(f"{kind}/{driver}", vendor.Options, options))
        check_vendor_device(device, kind, drivers()[kind])
    except VendorDriverError as error:
        raise ConfigurationError(str(error), key="driver") from error
    return device


def _parse(device: str, declared: type[msgspec.Struct], options: Mapping[str, Any]) -> msgspec.Struct:
    allowed = declared.__struct_fields__
    for name in options:
        if name not in allowed:
            raise _unknown(f"options.{name}", name, allowed, f" of {device}", what="option")
    try:
        return msgspec.convert(dict(options), declared, str_keys=True)
    except msgspec.ValidationError as error:
        raise _does_not_fit(device, declared, options, error) from error


def _unknown(
    key: str, word: str, allowed: Sequence[str] | Mapping[str, Any], of: str = "", *, what: str | None = None
) -> ConfigurationError:
    names = sorted(allowed)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return ConfigurationError(
        f"There is no {what or key} `{word}`{of}.",
        key=key,
        allowed=names,
        did_you_mean=close[0] if close else None,
    )


def _does_not_fit(
    device: str, declared: type[msgspec.Struct], options: Mapping[str, Any], error: msgspec.ValidationError
) -> ConfigurationError:
    """msgspec says "Expected `int`, got `str` - at `$.baud`", or names a missing field in the sentence."""
    problem, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`")
    if not name and "missing required field" in problem:
        name = problem.split("`")[1]
    key = f"options.{name}" if name else "options"
    allowed = _allowed_values(declared, name)
    close = difflib.get_close_matches(str(options.get(name)), allowed, n=1, cutoff=0.5)
    return ConfigurationError(
        f"{device}, `{key}`: {problem}.", key=key, allowed=allowed, did_you_mean=close[0] if close else None
    )


def _allowed_values(declared: type[msgspec.Struct], name: str) -> list[str]:
    """What an option may be set to, where that is a list of words or numbers."""
    for field in msgspec.structs.fields(declared):
        if field.name == name:
            found = msgspec.inspect.type_info(field.type)
            if isinstance(found, msgspec.inspect.LiteralType):
                return [str(value) for value in found.values]
    return []
