"""Deviation lists (ICAO Doc 9303-12, 10): what a state says is wrong with documents that it has issued."""

from collections.abc import Iterator

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.pki.certificate import read_name
from appliance.travel_document.pki.cms import SignedData
from appliance.travel_document.pki.trust_store import StoredDeviation

CONTENT_TYPE = "2.23.136.1.1.7"
MAX_DEVIATIONS = 10_000
MAX_DESCRIPTION = 500


def is_deviation_list(signed: SignedData) -> bool:
    return signed.content_type == CONTENT_TYPE


def read_deviation_list(signed: SignedData, *, country: str, source: str) -> Iterator[StoredDeviation]:
    """Every deviation.

    Raises:
        Malformed: the content is no such list.
    """
    fields = der.parse(signed.content).fields()
    fields.take(der.INTEGER)
    fields.maybe(der.SEQUENCE)  # the digest algorithm of the certificate digests
    for position, element in enumerate(fields.take(der.SET).iterate()):
        if position == MAX_DEVIATIONS:
            raise Malformed(f"A deviation list has more than {MAX_DEVIATIONS} entries.")
        inner = element.fields()
        signers = tuple(_signers(inner.take(der.SEQUENCE)))
        types, descriptions = [], []
        for description in inner.take(der.SET).children():
            for part in description.expect(der.SEQUENCE).children():
                if part.tag == der.OBJECT_IDENTIFIER:
                    types.append(part.oid())
                elif part.tag < 0x80:
                    descriptions.append(part.text())
        yield StoredDeviation(
            country=country,
            signers=signers,
            types=tuple(types),
            description="; ".join(descriptions)[:MAX_DESCRIPTION],
            source=source,
        )


def _signers(documents: der.Element) -> Iterator[str]:
    """How the documents' signers are named: issuer and serial number, key identifier, or digest."""
    for element in documents.children():
        if element.tag == 0xA1:
            parts = element.children()
            pair = parts[0].children() if len(parts) == 1 else parts
            if len(pair) == 2:
                yield f"serial:{read_name(pair[0]).country}:{pair[1].integer()}"
        elif element.tag in (0x82, 0xA2):
            yield (
                f"key_id:{element.content.hex()}"
                if element.tag == 0x82
                else f"key_id:{element.explicit().content.hex()}"
            )
        elif element.tag in (0x83, 0xA3):
            yield element.content.hex() if element.tag == 0x83 else element.explicit().content.hex()
