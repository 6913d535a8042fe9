"""What can be wrong with a list or with what is to become one."""

# ScreeningError
# ├── ListUnreadable   damaged, or no list: it can neither hit nor clear anybody
# └── EntryError       an entry that no list takes, with its line when it came from a file


class ScreeningError(Exception):
    """Something about a list, in one plain sentence."""


class ListUnreadable(ScreeningError):
    """The list is damaged, or is not one: it can neither hit nor clear anybody."""


class EntryError(ScreeningError, ValueError):
    """An entry that no list takes; from a file, its line is named."""

    def __init__(self, sentence: str, *, line: int | None = None) -> None:
        super().__init__(sentence if line is None else f"line {line}: {sentence}")
        self.line = line
