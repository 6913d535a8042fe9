"""The trust anchors as a technician is told of them: how many, which version, how old."""

from appliance.clock import Clock, TimeQuality
from appliance.contracts.lane import TrustView
from appliance.reference_data.errors import Refused
from appliance.reference_data.sealed import ContentType
from appliance.reference_data.store import ReferenceStore
from appliance.reference_data.trust_folder import TrustFolder, TrustUnavailable


def trust_view(folder: TrustFolder, signed: ReferenceStore, clock: Clock) -> TrustView:
    """What is installed now; a store that cannot be read trusts nobody."""
    try:
        authorities = len(folder.store().content.authorities)
    except TrustUnavailable:
        authorities = 0
    try:
        standing = signed.standing(ContentType.TRUST_ANCHORS)
    except Refused:
        standing = None
    if standing is None:
        return TrustView(authorities=authorities)
    now, quality = clock.now()
    age = (now - standing.issued_at).total_seconds() / 3600
    told = age if quality is not TimeQuality.UNSURE else None
    return TrustView(authorities=authorities, version=standing.version, age_hours=told)
