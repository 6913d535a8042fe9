"""CSCA master lists (ICAO Doc 9303-12, 8): a state's signed list of the authorities that it has accepted."""

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.pki.certificate import Certificate, read_certificate
from appliance.travel_document.pki.cms import SignedData

CONTENT_TYPE = "2.23.136.1.1.2"
MAX_CERTIFICATES = 20_000
"""The union of all states' lists has some hundred."""


@dataclass(frozen=True, slots=True)
class UnreadCertificate:
    """An entry that is no certificate, with the sentence that says why."""

    position: int
    sentence: str


def is_master_list(signed: SignedData) -> bool:
    return signed.content_type == CONTENT_TYPE


def read_master_list(signed: SignedData) -> Iterator[Certificate | UnreadCertificate]:
    """Every entry of the list, those that cannot be read too.

    Raises:
        Malformed: the content is no list at all.
    """
    fields = der.parse(signed.content).fields()
    fields.take(der.INTEGER)
    for position, element in enumerate(fields.take(der.SET).iterate()):
        if position == MAX_CERTIFICATES:
            raise Malformed(f"A master list has more than {MAX_CERTIFICATES} certificates.")
        try:
            yield read_certificate(element)
        except EmrtdError as error:
            yield UnreadCertificate(position, str(error))
