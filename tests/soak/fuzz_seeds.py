"""Honest inputs for each fuzzing target."""

import base64
import datetime as dt
import struct

import fuzz_wire

from appliance.simulation.booth import Person, person_of
from appliance.simulation.chip import asn1
from appliance.simulation.chip.authority import Authority, authority_of, trust_store_for
from appliance.simulation.chip.secrets import (
    ChipSecrets,
    StaticKey,
    chip_authentication_info,
    pace_info,
)
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.simulation.chip.sod import security_object
from appliance.simulation.seal import build_seal
from appliance.travel_document.lds.face_image import extract_face_image
from appliance.travel_document.lds.tlv import encode

VISA_LINES = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
JPEG = b"\xff\xd8\xff\xe0" + bytes(120) + b"\xff\xd9"


def seeds_of(target: str, person: Person, authority: Authority, moment: dt.datetime) -> list[bytes]:
    if target in fuzz_wire.SEEDS:
        return fuzz_wire.SEEDS[target]()
    root = authority.root.certificate
    chips = [person, person_of(2), person_of(3), person_of(5)]
    rsa = authority.signer(signing=rsa_signing(1024), serial=5)
    explicit = authority.signer(signing=ec_signing("brainpoolP224r1", "sha224", explicit=True), serial=6)
    groups = {1: b"one", 2: b"two", 14: b"fourteen"}
    sods = [encode(0x77, security_object(groups, signer)) for signer in (authority.signer(), rsa, explicit)]
    crl = authority.crl([1, 2, 300], this_update=moment, next_update=moment)
    listed = authority.master_list([root, authority_of("FRA").root.certificate], signed_at=moment)
    face = struct.pack(">IH", 20 + 12 + len(JPEG), 0) + bytes(14)
    face += struct.pack(">2B2H6x", 1, 0, 240, 320) + JPEG
    old = struct.pack(">4s4sIH", b"FAC\0", b"010\0", 14 + len(face), 1) + face
    new = newer(JPEG)
    secrets = [
        ChipSecrets(
            pace=(pace_info("CAM", "AES-256", 13), pace_info("IM", "3DES", 0)),
            chip_authentication=(
                chip_authentication_info("AES-128", 13, 1),
                chip_authentication_info("3DES", 0, 2),
            ),
            static_keys=(StaticKey.generate(13, 1), StaticKey.generate(0, 2)),
            active_authentication=ec_signing(),
        ),
        ChipSecrets(active_authentication=rsa_signing(1024, "sha1")),
    ]
    deviation = asn1.sequence(
        asn1.integer(0),
        asn1.set_of(
            asn1.sequence(
                asn1.sequence(asn1.explicit(2, asn1.octets(bytes(20)))),
                asn1.set_of(asn1.sequence(asn1.printable("wrong hash"), asn1.oid("2.23.136.1.1.7.2"))),
            )
        ),
    )
    store = trust_store_for(["UTO"], now=moment, crl_age=dt.timedelta(hours=1)).to_bytes()
    text = "dn: c=UT\nuserCertificate;binary:: " + base64.b64encode(root.raw).decode() + "\n"
    wraps = (
        lambda one, tag: encode(0x75, encode(0x7F61, b"\x02\x01\x01" + encode(0x7F60, encode(tag, one)))),
    )
    found: dict[str, list[bytes]] = {
        "tlv": [person.files["COM"], person.files["DG1"], encode(0x7F61, encode(0x30, b"\x02\x01\x01"))],
        "der": [root.raw, crl, sods[0][4:], b"\x30\x80\x02\x01\x01\x00\x00"],
        "sod": sods,
        "certificate": [root.raw, rsa.certificate.raw, explicit.certificate.raw],
        "signed_list": [listed, authority.signer().signed_data("2.23.136.1.1.7", deviation)],
        "crl": [crl, authority.crl([], this_update=moment)],
        "ldif": [text.encode(), text.encode().replace(b"MII", b"MI\n I")],
        "trust_store": [store],
        "dg2_19794": [wraps[0](old, 0x5F2E)],
        "dg2_39794": [wraps[0](new, 0x7F2E)],
        "dg2_decoded": [one.files["DG2"] for one in chips[:1]],
        "dg2_39794_decoded": [wraps[0](newer(extract_face_image(chips[0].files["DG2"]).content), 0x7F2E)],
        "card_access": [made for one in secrets if (made := one.card_access())],
        "dg14": [made for one in secrets if (made := one.dg14())],
        "dg15": [made + bytes(128) for one in secrets if (made := one.dg15())],
        "details": [
            person.files["COM"],
            encode(
                0x6B,
                encode(0x5C, b"\x5f\x0e")
                + encode(0x5F0E, "ТОКТОГУЛОВ".encode())
                + encode(0xA0, b"\x02\x01\x00"),
            ),
            encode(0x6C, encode(0x5F26, b"20200101") + encode(0x5F55, b"20200101120000")),
            encode(0x67, b"\x02\x01\x01" + encode(0x5F43, JPEG)),
            encode(0x70, b"\x02\x01\x01" + encode(0xA1, encode(0x5F51, b"A<<B"))),
        ],
        "apdu": [
            bytes.fromhex("990290008E08FA855A5D4C50A8ED9000"),
            bytes.fromhex("0CA4020C158709016375432908C044F6"),
        ],
        "seal": [build_seal(VISA_LINES, version=version) for version in (3, 4)],
        "reading": [b"\x00\x02\x6a\x82\x02\x90\x00", b"\x05\x10" + bytes(16), b"\x0a\x04\x7c\x02\x80\x00"],
    }
    return found[target]


def newer(picture: bytes) -> bytes:
    """A face of ISO/IEC 39794-5 with this picture."""
    information = encode(0xA0, b"\x80\x01\x02") + encode(0xA7, b"\x80\x01\x10\x81\x01\x10")
    flat = encode(0x80, picture) + encode(0xA1, information)
    block = encode(0x30, b"\x80\x01\x00" + encode(0xA1, encode(0xA0, encode(0xA0, flat))))
    return encode(0xA1, encode(0x65, encode(0xA0, b"\x80\x01\x03") + encode(0xA1, block)))
