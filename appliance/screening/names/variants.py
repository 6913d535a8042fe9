"""Given names that are one name: the spellings and the short forms that travel between documents."""

from functools import cache, lru_cache
from importlib import resources
from typing import Final

FILE: Final = "variants.txt"


@cache
def _classes() -> dict[str, frozenset[int]]:
    """Each spelling's classes; a spelling may be a short form of several names."""
    classes: dict[str, set[int]] = {}
    text = (resources.files(__package__) / FILE).read_text(encoding="ascii")
    for number, line in enumerate(text.splitlines()):
        for spelling in line.partition("#")[0].split():
            classes.setdefault(spelling, set()).add(number)
    return {spelling: frozenset(numbers) for spelling, numbers in classes.items()}


@lru_cache(maxsize=65536)
def classes_of(part: str) -> frozenset[int]:
    """The numbers of the names that this spelling may stand for."""
    return _classes().get(part, frozenset())


def same_name(one: str, other: str) -> bool:
    """Whether both may stand for one name."""
    return not classes_of(one).isdisjoint(classes_of(other))
