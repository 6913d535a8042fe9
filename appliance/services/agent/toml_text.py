"""Tables as TOML 1.0, for a configuration that the box writes itself: Python reads TOML only."""

import re
from typing import Any

import msgspec


def toml_text(tables: dict[str, Any]) -> str:
    """Tables as TOML 1.0: of a configuration's kinds only (text, numbers, truth, lists, tables)."""
    lines: list[str] = []
    for name, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            lines.append(f"\n[[{_key(name)}]]" if isinstance(value, list) else f"\n[{_key(name)}]")
            lines += [f"{_key(key)} = {_value(inner)}" for key, inner in table.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return _quoted(str(value))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A basic string; JSON escapes what TOML wants escaped, but for DEL."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
