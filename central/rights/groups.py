"""Records of groups that point to a person: boxes before December 2026 wrote plate and crossings into them.

They are erased with the first of the people; what was counted of the group stays.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.movement import RECORD_TYPE_GROUP
from appliance.records import envelope as envelopes
from appliance.records.errors import EnvelopeError
from central.fleet.box_keys import rings
from central.keys import Keys
from central.rights.find import Found
from central.statistics.groups import GROUP_CROSSINGS
from central.tables import RECORDS

POINTING: Final = ("plate", "plate_state", "members", "reason")
"""What of a group's record may say who was in it; the reason is an officer's own words."""


def groups_of(connection: Connection, found: Sequence[Found], *, keys: Keys) -> tuple[Found, ...]:
    """The records of the groups in which these crossings were, that point to anybody."""
    crossings = {one.crossing: one for one in found}
    named = connection.execute(
        sa.select(GROUP_CROSSINGS.c.group_id, GROUP_CROSSINGS.c.crossing).where(
            GROUP_CROSSINGS.c.crossing.in_(sorted(crossings))
        )
    ).all()
    groups = {row.group_id: crossings[row.crossing] for row in named}
    if not groups:
        return ()
    devices = sorted({one.device for one in groups.values()})
    rows = connection.execute(
        sa.select(RECORDS.c.device, RECORDS.c.epoch, RECORDS.c.seq, RECORDS.c.envelope)
        .where(RECORDS.c.type == RECORD_TYPE_GROUP, RECORDS.c.device.in_(devices))
        .order_by(RECORDS.c.device, RECORDS.c.epoch, RECORDS.c.seq)
    )
    signers = rings(connection)
    pointing = []
    for row in rows.all():
        try:
            sealed = envelopes.verify(bytes(row.envelope), verify_key_for=signers[row.device].verifier)
            body = envelopes.open_(sealed, private_key=keys.sealing_for(sealed.header.recipient)).body
        except (EnvelopeError, KeyError):
            continue
        of = groups.get(str(body.get("group")))
        if of is None or of.device != row.device or not any(body.get(name) for name in POINTING):
            continue
        pointing.append(
            Found(
                device=row.device,
                epoch=row.epoch,
                seq=row.seq,
                type=RECORD_TYPE_GROUP,
                crossing=of.crossing,
                decided_at=of.decided_at,
                post=of.post,
                direction=of.direction,
                restricted=of.restricted,
            )
        )
    return tuple(pointing)
