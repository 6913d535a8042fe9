"""SecurityInfos: what a chip says it can do, known or not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.simulation.chip import asn1
from appliance.simulation.chip.secrets import ChipSecrets, StaticKey, chip_authentication_info, pace_info
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.lds.security_infos import pace_ways, read_card_access, read_dg14

G_1 = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
"""Doc 9303-11, appendix G.1."""


def info(oid: str, *values: bytes) -> bytes:
    return asn1.sequence(asn1.oid(oid), *values)


def test_ok__the_published_example():
    (way,) = read_card_access(G_1).pace
    assert (way.description, way.version, way.parameter_id) == ("PACE-ECDH-GM-AES-128", 2, 13)


def test_ok__every_kind_of_info():
    secrets = ChipSecrets(
        pace=(pace_info("IM", "3DES", 0), pace_info("CAM", "AES-256", 13), pace_info("GM", "AES-192", 12)),
        chip_authentication=(
            chip_authentication_info("3DES", 0, 1),
            chip_authentication_info("AES-256", 13, 2),
        ),
        static_keys=(StaticKey.generate(0, 1), StaticKey.generate(13, 2)),
        active_authentication=ec_signing("secp384r1", "sha384"),
    )
    infos = read_dg14(secrets.dg14())
    assert [way.description for way in pace_ways(infos.pace)] == [
        "PACE-ECDH-CAM-AES-256",
        "PACE-ECDH-GM-AES-192",
        "PACE-DH-IM-3DES",
    ]
    assert infos.active_authentication_digest == "sha384"
    ways = infos.chip_authentication_ways()
    assert [(way.description, key.key_id) for way, key in ways] == [("CA-ECDH-AES-256", 2), ("CA-DH-3DES", 1)]
    assert infos.unread == 0


def test_ok__an_info_that_is_left_out_follows_from_the_key():
    secrets = ChipSecrets(
        chip_authentication=(chip_authentication_info("3DES", 12),),
        static_keys=(StaticKey.generate(12),),
        states_chip_authentication=False,
    )
    ((way, _),) = read_dg14(secrets.dg14()).chip_authentication_ways()
    assert (way.description, way.inferred) == ("CA-ECDH-3DES", True)


def test_ok__what_is_not_known_is_kept():
    odd = info("1.2.3.4", asn1.integer(5))
    content = asn1.set_of(
        odd,
        info("0.4.0.127.0.7.2.2.2", asn1.integer(1)),  # terminal authentication
        info("0.4.0.127.0.7.2.2.4.2", asn1.sequence()),  # domain parameters of the chip's own
        info("0.4.0.127.0.7.2.2.4.6.1", asn1.integer(2)),  # CAM with 3DES, which there is not
        info("0.4.0.127.0.7.2.2.3.2.9", asn1.integer(1)),
        info("0.4.0.127.0.7.2.2.3.2.2"),  # no version
        info("2.23.136.1.1.5", asn1.integer(1), asn1.oid("1.2.3")),
        info(
            "0.4.0.127.0.7.2.2.1.2",
            rsa_signing(1024).public_key_info,  # a key that cannot agree
        ),
    )
    infos = read_card_access(content)
    assert odd in infos.unknown
    assert infos.terminal_authentication
    assert infos.explicit_pace_parameters
    assert infos.unread == 3
    assert infos.pace == infos.chip_authentication == infos.chip_authentication_keys == ()
    assert infos.chip_authentication_ways() == ()


def test_ok__a_key_with_another_number_is_not_taken():
    secrets = ChipSecrets(
        chip_authentication=(chip_authentication_info("AES-128", 12, 7),),
        static_keys=(StaticKey.generate(12, 8),),
    )
    assert read_dg14(secrets.dg14()).chip_authentication_ways() == ()


@pytest.mark.parametrize("content", ["", "3114", "3003020101", "3103020101", "31053003020101"])
def test_fail__malformed(content: str):
    with pytest.raises(Malformed):
        read_card_access(bytes.fromhex(content))


def test_fail__not_dg14_and_too_many():
    with pytest.raises(Malformed):
        read_dg14(tlv.encode(0x6F, G_1))
    with pytest.raises(LimitExceeded):
        read_card_access(asn1.set_of(*[info("1.2.3")] * 65))


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_ok__anything_is_read_or_refused(content: bytes):
    try:
        read_card_access(content)
    except EmrtdError:
        return
