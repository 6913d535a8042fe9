"""CMS signed data: every signer's signature, BER as some states write it, and what does not hold."""

import pytest
from pki_made import NOW, ROOT, UTOPIA

from appliance.simulation.chip import asn1
from appliance.travel_document.lds.errors import LimitExceeded, Malformed
from appliance.travel_document.pki.cms import SIGNED_DATA, SignatureOutcome, parse_signed_data

SIGNER = UTOPIA.signer()
MADE = SIGNER.signed_data("1.2.3", b"content", signed_at=NOW)


def rebuilt(
    *, signers: list[bytes] | None = None, certificates: list[bytes] | None = None, **changes: bytes
) -> bytes:
    """MADE taken apart and put together otherwise."""
    from appliance.travel_document.lds import der

    inside = der.parse(MADE).children()[1].explicit().children()
    parts = {
        "version": inside[0].raw,
        "digests": inside[1].raw,
        "content": inside[2].raw,
        "certificates": inside[3].raw if certificates is None else asn1.explicit(0, b"".join(certificates)),
        "crls": b"",
        "signers": inside[4].raw if signers is None else asn1.set_of(*signers),
        **changes,
    }
    return asn1.sequence(asn1.oid(SIGNED_DATA), asn1.explicit(0, asn1.sequence(*parts.values())))


def signer_of(data: bytes):
    signed = parse_signed_data(data)
    return signed, signed.signers[0], signed.certificate_of(signed.signers[0])


def test_ok__a_signature_that_holds():
    signed, signer, certificate = signer_of(MADE)
    assert certificate == SIGNER.certificate
    assert signed.check(signer, certificate) is SignatureOutcome.OK
    assert (signed.content_type, signed.content, signer.signing_time) == ("1.2.3", b"content", NOW)
    assert signer.algorithm.description == "ecdsa/sha256"


def test_ok__without_attributes_the_content_itself_is_signed():
    from appliance.simulation.chip.signing import digest_algorithm

    info = asn1.sequence(
        asn1.integer(3),
        asn1.implicit(0, SIGNER.key_id),
        digest_algorithm("sha256"),
        SIGNER.signing.algorithm,
        asn1.octets(SIGNER.signing.sign(b"content")),
    )
    signed, signer, certificate = signer_of(rebuilt(signers=[info]))
    assert signer.subject_key_id == SIGNER.key_id
    assert signed.check(signer, certificate) is SignatureOutcome.OK


def test_ok__indefinite_lengths():
    from appliance.travel_document.lds import der

    inside = der.parse(MADE).children()[1].explicit().raw
    loose = b"\x30\x80" + asn1.oid(SIGNED_DATA) + b"\xa0\x80" + inside + b"\x00\x00" + b"\x00\x00"
    signed, signer, certificate = signer_of(loose)
    assert signed.check(signer, certificate) is SignatureOutcome.OK


def test_ok__attributes_stored_in_another_order_than_signed():
    from appliance.travel_document.lds import der

    info = der.parse(MADE).children()[1].explicit().children()[4].children()[0]
    parts = [one.raw for one in info.children()]
    attributes = info.children()[3]
    parts[3] = asn1.explicit(0, b"".join(reversed([one.raw for one in attributes.children()])))
    signed, signer, certificate = signer_of(rebuilt(signers=[asn1.sequence(*parts)]))
    assert signed.check(signer, certificate) is SignatureOutcome.OK


def test_fail__signatures_that_do_not_hold():
    signed, signer, _ = signer_of(MADE)
    assert signed.check(signer, ROOT) is SignatureOutcome.SIGNATURE_WRONG
    wrong, by, certificate = signer_of(SIGNER.signed_data("1.2.3", b"content", signature=bytes(70)))
    assert wrong.check(by, certificate) is SignatureOutcome.SIGNATURE_WRONG
    other = asn1.sequence(asn1.oid("1.2.3"), asn1.explicit(0, asn1.octets(b"contend")))
    wrong, by, certificate = signer_of(rebuilt(content=other))
    assert wrong.check(by, certificate) is SignatureOutcome.CONTENT_ALTERED
    other = asn1.sequence(asn1.oid("1.2.4"), asn1.explicit(0, asn1.octets(b"content")))
    wrong, by, certificate = signer_of(rebuilt(content=other))
    assert wrong.check(by, certificate) is SignatureOutcome.WRONG_CONTENT_TYPE
    odd = MADE.replace(bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040277"))
    wrong, by, certificate = signer_of(odd)
    assert wrong.check(by, certificate) is SignatureOutcome.UNSUPPORTED


def test_ok__content_that_old_tools_put_in_as_it_was():
    old = asn1.sequence(asn1.oid("1.2.3"), asn1.explicit(0, asn1.integer(5)))
    assert parse_signed_data(rebuilt(content=old)).content == b"\x02\x01\x05"


def test_ok__certificates_that_are_none_are_counted():
    signed = parse_signed_data(rebuilt(certificates=[b"\x30\x00", SIGNER.certificate.raw]))
    assert (len(signed.certificates), signed.unread_certificates) == (1, 1)
    assert parse_signed_data(rebuilt(certificates=[])).certificates == ()


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (b"", Malformed),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.7.1")), Malformed),
        (rebuilt(signers=[]), Malformed),
        (rebuilt(signers=[b"\x30\x00"] * 9), Malformed),
        (rebuilt(signers=[b"\x30\x00"]), Malformed),
        (rebuilt(content=asn1.sequence(asn1.oid("1.2.3"))), Malformed),
        (rebuilt(certificates=[b"\x30\x00"] * 33), LimitExceeded),
        (rebuilt(crls=asn1.explicit(1, b"\x30\x00" * 33)), LimitExceeded),
        (MADE[:-1], Malformed),
    ],
)
def test_fail__not_signed_data(made: bytes, error: type[Malformed]):
    with pytest.raises(error):
        parse_signed_data(made)
