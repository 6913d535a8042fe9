"""SQL views for a statistician at the database itself: raw counts, small cells and all, for inside use.

Days and hours are UTC; releases (`central.statistics.releases`) use the country's time and are protected.
Simulated crossings and restricted ones are in none of them.
"""

import hashlib
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central.tables import SETTINGS

_COUNTED: Final = "FROM facts WHERE NOT simulated AND NOT restricted"
_DAY: Final = "substr(moment, 1, 10)"
_AGE: Final = (
    "CASE WHEN age < 0 THEN 'unknown' WHEN age < 5 THEN '0-4' WHEN age < 15 THEN '5-14' "
    "WHEN age < 25 THEN '15-24' WHEN age < 35 THEN '25-34' WHEN age < 45 THEN '35-44' "
    "WHEN age < 55 THEN '45-54' WHEN age < 65 THEN '55-64' ELSE '65+' END"
)


def _by(columns: str, names: str) -> str:
    return (
        f"SELECT {_DAY} AS day, direction, {columns}, count(*) AS crossings,"
        f" count(DISTINCT person) AS persons {_COUNTED} GROUP BY {_DAY}, direction, {names}"
    )


VIEWS: Final = {
    "statistics_by_nationality": _by("nationality", "nationality"),
    "statistics_by_birth_country": _by("birth_country", "birth_country"),
    "statistics_by_residence": _by(
        "previous_residence, next_residence", "previous_residence, next_residence"
    ),
    "statistics_by_purpose": _by("purpose", "purpose"),
    "statistics_by_age_and_sex": _by(f"{_AGE} AS age_band, sex", f"{_AGE}, sex"),
    "statistics_by_document": _by("document", "document"),
    "statistics_by_post_and_hour": _by("post, substr(moment, 12, 2) AS hour", "post, substr(moment, 12, 2)"),
    "statistics_checks_not_done": (
        f"SELECT {_DAY} AS day, post, check_id, verdict, reason, count(*) AS crossings"  # noqa: S608 - ours
        " FROM checks_missed"
        " JOIN facts ON facts.crossing = checks_missed.crossing WHERE NOT simulated AND NOT restricted"
        f" GROUP BY {_DAY}, post, check_id, verdict, reason"
    ),
    "statistics_hits": (
        f"SELECT {_DAY} AS day, check_id, reason, count(*) AS hits,"  # noqa: S608 - ours
        " sum(CASE WHEN false_hits > 0 THEN 1 ELSE 0 END) AS false_hits,"
        " sum(CASE WHEN outcome = 'referred' THEN 1 ELSE 0 END) AS referred FROM hits"
        " JOIN facts ON facts.crossing = hits.crossing WHERE NOT simulated AND NOT restricted"
        f" GROUP BY {_DAY}, check_id, reason"
    ),
    "statistics_handling_time": (
        f"SELECT {_DAY} AS day, post, lane, count(handling_seconds) AS crossings,"
        " avg(handling_seconds) AS mean_seconds, max(handling_seconds) AS longest_seconds"
        f" {_COUNTED} GROUP BY {_DAY}, post, lane"
    ),
    "statistics_second_line": (
        "SELECT substr(closed_at, 1, 10) AS day, post, kind, case_closings.outcome, ground,"
        " count(*) AS cases, avg(waited_seconds) AS mean_waited_seconds,"
        " sum(CASE WHEN late THEN 1 ELSE 0 END) AS late FROM case_closings"
        " JOIN facts ON facts.crossing = case_closings.crossing WHERE NOT simulated AND NOT restricted"
        " GROUP BY substr(closed_at, 1, 10), post, kind, case_closings.outcome, ground"
    ),
    "statistics_visas": (
        "SELECT substr(decided_at, 1, 10) AS day, post, visa_decisions.type, visa_decisions.outcome,"
        " count(*) AS visas, avg(days) AS mean_days FROM visa_decisions"
        " JOIN facts ON facts.crossing = visa_decisions.crossing WHERE NOT simulated AND NOT restricted"
        " GROUP BY substr(decided_at, 1, 10), post, visa_decisions.type, visa_decisions.outcome"
    ),
    "statistics_groups": (
        "SELECT substr(closed_at, 1, 10) AS day, kind, count(*) AS groups_closed, sum(declared) AS declared,"
        " sum(seen) AS seen, sum(detached) AS detached,"
        " sum(CASE WHEN seen <> declared THEN 1 ELSE 0 END) AS differing FROM groups_closed"
        " WHERE group_id IN (SELECT group_id FROM group_crossings JOIN facts ON facts.crossing ="
        " group_crossings.crossing WHERE NOT simulated AND NOT restricted)"
        " GROUP BY substr(closed_at, 1, 10), kind"
    ),
    "statistics_stays": (
        "SELECT state, entry_post, exit_post, count(*) AS stays, avg(days) AS mean_days FROM stays"
        " WHERE NOT simulated GROUP BY state, entry_post, exit_post"
    ),
}


_MADE: Final = "views"
"""Setting: the digest of the views that are there."""


def create_views(connection: Connection) -> None:
    """Make the views, and make them anew when another version made those that are there."""
    digest = hashlib.sha256(repr(sorted(VIEWS.items())).encode()).hexdigest()
    made = connection.execute(sa.select(SETTINGS.c.value).where(SETTINGS.c.name == _MADE)).scalar()
    if made == digest:
        return
    for name, query in VIEWS.items():
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {name}"))
        connection.execute(sa.text(f"CREATE VIEW {name} AS {query}"))
    if made is None:
        connection.execute(sa.insert(SETTINGS).values(name=_MADE, value=digest))
    else:
        connection.execute(sa.update(SETTINGS).where(SETTINGS.c.name == _MADE).values(value=digest))
