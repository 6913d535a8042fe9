"""Movements and facts of nobody."""

import datetime as dt
import random
from typing import Any

from appliance.contracts.checks import Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.movement import DocumentFacts, Movement, Stamp, Stated
from appliance.records.statistics.facts import Facts, facts_of

KEY = bytes(range(32))


def stamp(wall: str, monotonic: float = 0.0, boot: str = "boot", quality: str = "rtc") -> Stamp:
    return Stamp(boot_id=boot, monotonic_ns=int(monotonic * 1e9), wall=wall, quality=quality)


def document(**changes: Any) -> DocumentFacts:
    values: dict[str, Any] = {
        "format": "TD3",
        "lines": (),
        "source": "simulated",
        "document_code": "P",
        "issuing_state": "UTO",
        "document_number": "L898902C3",
        "primary_identifier": "ERIKSSON",
        "secondary_identifier": "ANNA MARIA",
        "name_truncated": False,
        "nationality": "UTO",
        "birth_date": "1974-08-12",
        "sex": "F",
        "expiry_date": "2032-04-15",
        "personal_number": None,
    }
    return DocumentFacts(**(values | changes))


def movement(crossing: str = "c1", wall: str = "2026-11-02T08:00:00+00:00", **changes: Any) -> Movement:
    values: dict[str, Any] = {
        "crossing": crossing,
        "device": "box-1",
        "post": "North",
        "lane": "1",
        "profile": "production",
        "direction": Direction.ENTRY,
        "started": stamp(wall, 10.0),
        "decided": stamp(wall, 31.5),
        "document": document(),
        "checks": (),
        "recommendation": Recommendation.GREEN,
        "reasons": (),
        "outcome": Outcome.ADMITTED,
        "simulated": (),
        "policy": "default 00",
    }
    return Movement(**(values | changes))


def facts(crossing: str = "c1", **changes: Any) -> Facts:
    return facts_of(movement(crossing, **changes), link_key=KEY)


def check(id_: str, verdict: Verdict, reason: str) -> Check:
    return Check(id=id_, verdict=verdict, reason=reason)


def month(seed: int = 1, people: int = 400) -> list[Facts]:
    """A month at three posts: people who enter and mostly leave again."""
    play = random.Random(seed)
    states = ["UTO"] * 12 + ["KGZ"] * 9 + ["UZB"] * 6 + ["D"] * 2 + ["FRA", "XXB", "NPL", "BRA"]
    found: list[Facts] = []
    for number in range(people):
        who = document(
            nationality=play.choice(states),
            primary_identifier=f"NAME{number}",
            birth_date=f"{play.randint(1940, 2024)}-0{play.randint(1, 9)}-1{play.randint(0, 9)}",
            sex=play.choice("FFMMM<"),
            document_code=play.choice(["P"] * 9 + ["I", "PD"]),
        )
        begin = dt.datetime(2026, 10, 1, tzinfo=dt.UTC) + dt.timedelta(
            days=play.randint(0, 29),
            hours=play.choice([6, 7, 7, 8, 8, 8, 9, 10, 12, 15, 16, 17]),
            minutes=number % 60,
        )
        stated = Stated(
            birth_country=who.nationality,
            purpose=play.choice(["visit", "business", "work", "transit"]),
            intended_stay_days=play.choice([0, 2, 5, 20, 60, 400]),
            previous_residence=who.nationality,
            next_residence="KGZ",
        )
        checks = [check("chip.read", Verdict.CANNOT, "no_chip")] if play.random() < 0.2 else []
        if play.random() < 0.05:
            checks.append(check("portrait.taken", Verdict.CANNOT, "device_gone"))
        if play.random() < 0.06:
            checks.append(check("watchlist.person", Verdict.FAIL, "possible_match"))
        moments = [(Direction.ENTRY, begin)]
        if play.random() < 0.8:
            moments.append((Direction.EXIT, begin + dt.timedelta(days=play.choice([0.3, 1, 3, 9, 45]))))
        for direction, moment in moments:
            wall = moment.isoformat()
            found.append(
                facts(
                    f"c{number}-{direction.value}",
                    wall=wall,
                    direction=direction,
                    document=who,
                    stated=stated if direction is Direction.ENTRY else None,
                    checks=tuple(checks),
                    post=play.choice(["North", "North", "East", "Torugart"]),
                    lane=play.choice("12"),
                    started=stamp(wall, 5.0),
                    decided=stamp(wall, 5.0 + play.expovariate(1 / 25)),
                    not_same=("x",) if play.random() < 0.02 else (),
                )
            )
    return found
