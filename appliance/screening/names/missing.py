"""What it says when parts of two names find no counterpart, in nats."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.screening.names.rarity import is_light, is_patronymic

CONFLICT: Final = 5.5
"""What two parts cost that contradict each other: one person's documents seldom do, whether the parts are
rare or not."""
EXTRA: Final = 2.2
"""What a part costs that only one side has: it is left out as often when it is rare as when it is common."""
EXTRA_PATRONYMIC: Final = 0.6
"""Half of all documents leave a father's name out."""
EXTRA_LIGHT: Final = 0.4
"""So they do with particles, and initials."""
ONE_NAME_ONLY: Final = 0.5
"""What it costs, whatever the list has more, that a document has one name and no other to compare."""


@dataclass(frozen=True, slots=True)
class Missed:
    """How many parts found no counterpart, by kind."""

    conflicts: int
    """Heavy parts that both sides have left over: they cannot both be right."""
    extra: int
    """Heavy parts that one side has more."""
    patronymics: int
    """So many of them are fathers' names."""
    light: int
    on_list: bool
    """Whether it is the list that has more."""

    @classmethod
    def among(cls, own: Sequence[str], theirs: Sequence[str]) -> "Missed":
        mine, others = [part for part in own if is_heavy(part)], [part for part in theirs if is_heavy(part)]
        conflicts = min(len(mine), len(others))
        longer = mine if len(mine) > len(others) else others
        return cls(
            conflicts=conflicts,
            extra=len(longer) - conflicts,
            patronymics=0 if conflicts else sum(map(is_patronymic, longer)),
            light=len(own) + len(theirs) - len(mine) - len(others),
            on_list=longer is others,
        )

    @property
    def any(self) -> bool:
        return bool(self.conflicts or self.extra)

    def cost(self, *, alone: bool) -> float:
        """Nats; `alone`: the document has one name, which agrees, so that nothing else could."""
        cost = CONFLICT * self.conflicts + EXTRA_LIGHT * self.light
        if alone and self.on_list and self.extra and not self.conflicts:
            return cost + ONE_NAME_ONLY
        return cost + EXTRA * (self.extra - self.patronymics) + EXTRA_PATRONYMIC * self.patronymics


def is_heavy(part: str) -> bool:
    """Neither a particle nor an initial."""
    return len(part) > 1 and not is_light(part)
