"""Every parser that faces strangers, as a function from bytes; whatever they are, only typed errors may
come out."""

import datetime as dt
from collections.abc import Callable

import fuzz_wire as wire

from appliance.chip.blocks import LearnedManners, read_card_limits
from appliance.chip.reader import read_chip
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.ciphers import AesCipher, TripleDesCipher
from appliance.secure_messaging.session import SecureMessaging
from appliance.services.capture.pictures import PictureError, decode_portrait
from appliance.simulation.booth import person_of
from appliance.simulation.chip.authority import BEGINS, authority_of, trust_store_for
from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.files import mrz_information_of
from appliance.simulation.seal import seal_signer
from appliance.travel_document.authentication.active import proves, read_dg15
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.authentication.security_object import read_security_object
from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.contents import describe
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.face_image import extract_face_image
from appliance.travel_document.lds.files import identify
from appliance.travel_document.lds.security_infos import read_card_access, read_dg14
from appliance.travel_document.pki.certificate import parse_certificate
from appliance.travel_document.pki.cms import parse_signed_data
from appliance.travel_document.pki.crl import parse_crl
from appliance.travel_document.pki.deviation_list import is_deviation_list, read_deviation_list
from appliance.travel_document.pki.ldif import read_ldif
from appliance.travel_document.pki.master_list import read_master_list
from appliance.travel_document.pki.trust_import import import_trust
from appliance.travel_document.pki.trust_store import TrustStore
from appliance.travel_document.seal.seal import read_seal
from appliance.travel_document.seal.verify import judge_seal

PERSON = person_of(1)
MRZ_INFORMATION = mrz_information_of(PERSON.files)
STORE = import_trust(
    trust_store_for(["UTO"], now=BEGINS, crl_age=dt.timedelta()),
    seal_signer().certificate.raw,
    (),
    now=BEGINS,
).store
ROOT = authority_of("UTO").root.certificate
CIPHERS = (TripleDesCipher(bytes(16), bytes(16)), AesCipher(bytes(16), bytes(16)))
MAX_SECONDS = 5.0
"""One input that takes longer is a hang."""


def walk_tlv(data: bytes) -> None:
    waiting = list(tlv.decode(data))
    while waiting:
        one = waiting.pop()
        if one.constructed:
            waiting += one.children()


def walk_der(data: bytes) -> None:
    waiting = [der.parse(data)]
    while waiting:
        one = waiting.pop()
        for read in (one.integer, one.oid, one.octets, one.bits, one.text, one.time, one.explicit):
            try:
                read()
            except EmrtdError:
                continue
        if one.constructed:
            waiting += one.children()


def security_object(data: bytes) -> None:
    sod = read_security_object(data)
    for signer in sod.signed.signers:
        certificate = sod.signed.certificate_of(signer)
        if certificate is not None:
            sod.signed.check(signer, certificate)
    for number in sod.hashes:
        sod.covers(number, data)


def certificate(data: bytes) -> None:
    made = parse_certificate(data)
    made.signed_by(ROOT)
    made.signed_by(made)
    assert made.fingerprint
    assert isinstance(made.country, str)
    assert made.public_key.description


def signed_list(data: bytes) -> None:
    signed = parse_signed_data(data)
    if is_deviation_list(signed):
        list(read_deviation_list(signed, country="UT", source=""))
    list(read_master_list(signed))


def crl(data: bytes) -> None:
    parse_crl(data).signed_by(ROOT)


def face_19794(data: bytes) -> None:
    extract_face_image(data)


def face_decoded(data: bytes) -> None:
    try:
        decode_portrait(extract_face_image(data).content)
    except PictureError:
        return


def dg14(data: bytes) -> None:
    infos = read_dg14(data)
    infos.chip_authentication_ways()
    for info in infos.pace:
        assert info.description


def dg15(data: bytes) -> None:
    key = read_dg15(data[: len(data) - 128])
    proves(key, bytes(8), data[-128:])


def details(data: bytes) -> None:
    for name in ("COM", "DG1", "DG7", "DG11", "DG12", "DG13", "DG16"):
        describe({name: data})
    identify(data)
    read_card_limits(data)


def answers(data: bytes) -> None:
    """What a chip may answer under protection, and what a terminal may be sent."""
    for cipher in CIPHERS:
        session = SecureMessaging(cipher, bytes(cipher.block_bytes))
        try:
            session.unprotect(Response.decode(data))
        except EmrtdError:
            continue
    Command.decode(data)


def reading(data: bytes) -> None:
    """A chip whose first answers are these bytes, cut by their own lengths; then it is honest."""
    honest = VirtualChip(PERSON.files, mrz_information=MRZ_INFORMATION, secrets=PERSON.secrets)
    position = 1
    from_answer = data[0] % 16 if data else 0

    def transmit(command: bytes) -> bytes:
        nonlocal position, from_answer
        right = honest.transmit(command)
        if from_answer > 0:
            from_answer -= 1
            return right
        if position >= len(data):
            return right
        length, start = data[position], position + 1
        position = start + length
        return data[start:position]

    read_chip(
        transmit,
        mrz_information=MRZ_INFORMATION,
        want=["DG1", "DG14"],
        challenge=bytes(8),
        max_seconds=2,
        learned=LearnedManners(),
    )


def seal(data: bytes) -> None:
    made = read_seal(data)
    assert isinstance(made.mrz, tuple)
    judge_seal(data, STORE, Moment(BEGINS))


def ldif(data: bytes) -> None:
    list(read_ldif(data))


TARGETS: dict[str, tuple[Callable[[bytes], None], int]] = {
    "tlv": (walk_tlv, 2_500_000),
    "der": (walk_der, 1_500_000),
    "sod": (security_object, 600_000),
    "certificate": (certificate, 600_000),
    "signed_list": (signed_list, 400_000),
    "crl": (crl, 500_000),
    "ldif": (ldif, 500_000),
    "trust_store": (TrustStore.from_bytes, 300_000),  # type: ignore[dict-item]
    "dg2_19794": (face_19794, 600_000),
    "dg2_39794": (face_19794, 600_000),
    "dg2_decoded": (face_decoded, 40_000),
    "dg2_39794_decoded": (face_decoded, 40_000),
    "card_access": (read_card_access, 700_000),  # type: ignore[dict-item]
    "dg14": (dg14, 500_000),
    "dg15": (dg15, 200_000),
    "details": (details, 500_000),
    "apdu": (answers, 500_000),
    "reading": (reading, 40_000),
    "seal": (seal, 500_000),
    "cose": (wire.cose_message, 400_000),
    "envelope": (wire.envelope, 300_000),
    "body": (wire.body, 200_000),
    "watermark": (wire.watermark, 300_000),
    "gaps": (wire.gaps, 300_000),
    "command": (wire.command, 300_000),
    "order": (wire.order, 300_000),
    "manifest": (wire.manifest, 300_000),
    "keys": (wire.keys, 300_000),
    "batch": (wire.batch, 400_000),
}
"""What is fuzzed, and how often at least; together more than ten million."""


def seeds(target: str) -> list[bytes]:
    """Honest inputs to begin from, made by the simulator."""
    from fuzz_seeds import seeds_of

    return seeds_of(target, PERSON, authority_of("UTO"), BEGINS)


def run_one(target: str, data: bytes) -> None:
    """One input; anything but a typed error passes through."""
    function, _ = TARGETS[target]
    try:
        function(data)
    except (EmrtdError, *wire.ERRORS):
        return
