"""The step in which the chip is read: first a moment, then with the officer's say in it.

A document that lies on the chip's reader and has no chip that answers is not waited for, unless a rule says
that it has one. Everywhere else the whole time is given, with the words to lay it down again; the officer may
go on before. Whoever goes on without a chip that the rules expect has `chip.expected` against GREEN.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from appliance.contracts.capture import Capture, ReadChip
from appliance.contracts.lane import LAY_DOWN_AGAIN
from appliance.rules.accepted import chip_needed
from appliance.rules.table import RuleTable
from appliance.services.lane.asking import Asking, Referred
from appliance.services.lane.assessment import presented_of
from appliance.services.lane.button import NO_CHIP, Offer
from appliance.services.lane.chip_reading import read_chip, with_tries
from appliance.services.lane.policy import Pace
from appliance.services.lane.workflow import AnyEvent, ChipRead, State, Step, StepMissed
from appliance.travel_document import Mrz

NOT_MACHINE_READABLE: Final = "not_machine_readable"
NONE_THERE: Final = ("no_chip", "chip_absent")


class ChipStep:
    """Reads one chip after the other; `hint` is what the officer is told meanwhile."""

    def __init__(self, capture: Capture, asking: Asking, changed: Callable[[], None]) -> None:
        self._capture = capture
        self._asking = asking
        self._changed = changed
        self.hint: str | None = None

    async def read(
        self,
        request: ReadChip,
        *,
        pace: Pace,
        needed: bool,
        verify_ahead: Callable[[Mapping[str, bytes]], None],
        keep: Callable[[AnyEvent], Awaitable[None]],
    ) -> None:
        """Keep what the chip gave, or that there is none.

        Raises:
            Referred: the officer held the button.
        """
        first = msgspec.structs.replace(request, appear=pace.chip_absent_seconds)
        read, code = await with_tries(
            lambda: self._asking.unless_held(read_chip(self._capture, first, verify_ahead=verify_ahead)),
            pace.chip_attempts,
        )
        pressed = False
        more = pace.chip_seconds - pace.chip_absent_seconds
        if code in NONE_THERE and (needed or code != "chip_absent") and more > 0:
            again = msgspec.structs.replace(request, appear=more)
            read, code, pressed = await self._again(again, pace=pace, verify_ahead=verify_ahead)
        if read is not None:
            await keep(read)
            return
        code = "no_chip" if code in NONE_THERE else code
        await keep(StepMissed(step=Step.READING_CHIP, code=code, tried=code != "no_device", pressed=pressed))

    async def _again(
        self, request: ReadChip, *, pace: Pace, verify_ahead: Callable[[Mapping[str, bytes]], None]
    ) -> tuple[ChipRead | None, str, bool]:
        """What was read, or why nothing was, and whether the officer went on."""

        async def once() -> ChipRead:
            read = await self._asking.or_button(
                read_chip(self._capture, request, verify_ahead=verify_ahead),
                Offer(press=NO_CHIP, hold="refer"),
                look_first=pace.look_first_seconds,
            )
            if read is None:
                raise _WentOn if self._asking.pressed == NO_CHIP else Referred
            return read

        self.hint = LAY_DOWN_AGAIN
        try:
            return *await with_tries(once, pace.chip_attempts), False
        except _WentOn:
            return None, "no_chip", True
        finally:
            self.hint = None
            self._changed()


def may_have_chip(state: State) -> bool:
    """Whether the document may have a chip: its keys come from an MRZ, and a page without one has none."""
    return state.typed is None or state.typed.typed_for != NOT_MACHINE_READABLE


def needs_chip(state: State, mrz: Mrz, rules: RuleTable | None, *, post: str, today: dt.date) -> bool:
    """Whether the signed rules say that this document has a chip."""
    presented = presented_of(state, mrz)
    assert state.started is not None
    return presented is not None and chip_needed(
        rules, presented, direction=state.started.direction, post=post, today=today
    )


class _WentOn(Exception):
    """The officer says that there is no chip."""
