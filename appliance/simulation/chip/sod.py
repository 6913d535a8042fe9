"""An LDS security object in CMS signed data (ICAO Doc 9303-10, 4.6.2), signed by our own test signer."""

import datetime as dt
import hashlib
from collections.abc import Mapping

from appliance.simulation.chip import asn1
from appliance.simulation.chip.authority import Holder
from appliance.simulation.chip.signing import digest_algorithm
from appliance.travel_document.authentication.security_object import LDS_SECURITY_OBJECT


def security_object(
    groups: Mapping[int, bytes],
    signer: Holder,
    *,
    digest: str | None = None,
    signed_at: dt.datetime | None = None,
    content_type: str = LDS_SECURITY_OBJECT,
    lds_version: str = "0108",
) -> bytes:
    """ContentInfo over the contents of data groups by number; `digest` defaults to the signer's own."""
    digest = digest or signer.signing.digest
    listed = (
        asn1.sequence(
            asn1.integer(number), asn1.octets(hashlib.new(digest, content, usedforsecurity=False).digest())
        )
        for number, content in sorted(groups.items())
    )
    version = asn1.sequence(asn1.printable(lds_version), asn1.printable("040000"))
    content = asn1.sequence(asn1.integer(1), digest_algorithm(digest), asn1.sequence(*listed), version)
    return signer.signed_data(content_type, content, signed_at=signed_at)
