"""PACE held to the worked examples of ICAO Doc 9303-11, appendices G, H and I; then what a chip may do
wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.chip.channel import Channel
from appliance.chip.errors import AccessDenied, AccessUnavailable, ProtocolFailed
from appliance.chip.pace import (
    Draws,
    Password,
    decrypt_chip_data,
    establish_pace,
    nonce_bytes,
    pseudo_random,
    public_key_object,
    supported_group,
)
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.ciphers import raw_cbc, unpad
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.secure_messaging.key_derivation import derive_key, password_key, session_cipher
from appliance.simulation.chip.protocols import PaceSide
from appliance.simulation.chip.secrets import ChipSecrets, pace_info
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.lds.security_infos import PaceInfo
from appliance.travel_document.pki.groups import STANDARDISED

GM_ECDH = PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 13)
GM_DH = PaceInfo("0.4.0.127.0.7.2.2.4.1.2", 2, 0)
IM_ECDH = PaceInfo("0.4.0.127.0.7.2.2.4.4.2", 2, 13)
IM_DH = PaceInfo("0.4.0.127.0.7.2.2.4.3.2", 2, 0)
CAM = PaceInfo("0.4.0.127.0.7.2.2.4.6.2", 2, 13)
G_MRZ = Password.mrz("T22000129364081251010318")
CAN = Password.can("123456")
SK_IFD = 0xA73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595
SK_IC = 0x107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def nonce_of(info: PaceInfo, password: Password, encrypted: str) -> bytes:
    return raw_cbc(info.cipher.name, password_key(info.cipher, password.secret), h(encrypted), encrypt=False)


def keys_and_tokens(info: PaceInfo, mapped, secret: int, theirs: bytes) -> tuple[bytes, ...]:
    shared = mapped.agree(secret, theirs)
    cipher = session_cipher(info.cipher, shared)
    return (
        derive_key(info.cipher, shared, 1),
        derive_key(info.cipher, shared, 2),
        cipher.token(public_key_object(info.oid, mapped, theirs)),
        cipher.token(public_key_object(info.oid, mapped, mapped.public(secret))),
    )


def test_ok__appendix_g_1_generic_mapping_over_a_curve():
    group = STANDARDISED[13]
    assert password_key(GM_ECDH.cipher, G_MRZ.secret) == h("89DED1B26624EC1E634C1989302849DD")
    nonce = nonce_of(GM_ECDH, G_MRZ, "95A3A016522EE98D01E76CB6B98B42C3")
    assert nonce == h("3F00C4D39D153F2B2A214A078D899B22")
    ifd = 0x7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99
    ic = 0x498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560
    assert group.agree(ifd, group.public(ic)) == h(
        "60332EF2450B5D247EF6D3868397D398852ED6E8CAF6FFEEF6BF85CA57057FD5"
    )
    mapped = group.map_generic(ifd, group.public(ic), nonce)
    assert mapped.public(3) == group.map_generic(ic, group.public(ifd), nonce).public(3)
    assert mapped.public(1)[1:33] == h("8CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E2")
    assert mapped.public(SK_IFD)[1:33] == h(
        "2DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
    )
    assert mapped.public(SK_IC)[1:33] == h("9E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB")
    assert mapped.agree(SK_IFD, mapped.public(SK_IC)) == h(
        "28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925"
    )
    assert keys_and_tokens(GM_ECDH, mapped, SK_IFD, mapped.public(SK_IC)) == (
        h("F5F0E35C0D7161EE6724EE513A0D9A7F"),
        h("FE251C7858B356B24514B3BD5F4297D1"),
        h("C2B0BD78D94BA866"),
        h("3ABB9674BCE93C08"),
    )


def test_ok__appendix_g_2_generic_mapping_over_a_prime_field():
    group = STANDARDISED[0]
    nonce = nonce_of(GM_DH, G_MRZ, "854D8DF5827FA6852D1A4FA701CDDDCA")
    assert nonce == h("FA5B7E3E49753A0DB9178B7B9BD898C8")
    ifd, ic = 0x5265030F751F4AD18B08AC565FC7AC952E41618D, 0x66DDAFEAC1609CB5B963BB0CB3FF8B3E047F336C
    mapped = group.map_generic(ifd, group.public(ic), nonce)
    assert mapped.public(1) == h(
        "7C9CBFE98F9FBDDA8D143506FA7D9306F4CB17E3C71707AFF5E1C1A12370249684D64EE37AF44B8DBD9D45BF6023919C"
        "BAA027AB97ACC771666C8E98FF483301BFA4872DEDE9034EDFACB70814166B7F360676829B826BEA57291B5AD69FBC84"
        "EF1E779032A305803F74341793E869742D401325B37EE8565FFCDEE618342DC5"
    )
    secret, theirs = 0x89CCD99B0E8D3B1F11E1296DCA68EC53411CF2CA, 0xA5B780126B7C980E9FCEA1D4539DA1D27C342DFA
    assert keys_and_tokens(GM_DH, mapped, secret, mapped.public(theirs))[:2] == (
        h("2F7F46ADCC9E7E521B45D192FAFA9126"),
        h("805A1D27D45A5116F73C54469462B7D8"),
    )


def test_ok__appendix_h_1_integrated_mapping_over_a_curve():
    group = STANDARDISED[13]
    assert password_key(IM_ECDH.cipher, CAN.secret) == h("591468CDA83D65219CCCB8560233600F")
    nonce = nonce_of(IM_ECDH, CAN, "143DC40C08C8E891FBED7DEDB92B64AD")
    assert nonce == h("2923BE84E16CD6AE529049F1F1BBE9EB")
    random = pseudo_random(IM_ECDH.cipher, nonce, h("5DD4CBFC96F5453B130D890A1CDBAE32"), 256)
    assert random == h(
        "E4447E2DFB3586BAC05DDB00156B57FBB2179A3949294C97254189800C517BAA8DA0FF397ED8C445D3E421E4FEB57322"
    )
    mapped = group.map_integrated(random)
    assert mapped.public(1) == h(
        "048E82D31559ED0FDE92A4D0498ADD3C23BABA94FB77691E31E90AEA77FB17D427"
        "4C1AE14BD0C3DBAC0C871B7F3608169364437CA30AC243A089D3F266C1E60FAD"
    )
    assert mapped.public(SK_IC)[1:33] == h("67F78E5F7F7686082B293E8D087E056916D0F74BC01A5F8957D0DE45691E51E8")
    assert mapped.public(SK_IFD)[1:33] == h(
        "89CBA23FFE96AA18D824627C3E934E54A9FD0B87A95D1471DC1C0ABFDCD640D4"
    )
    assert mapped.agree(SK_IFD, mapped.public(SK_IC)) == h(
        "4F150FDE1D4F0E38E95017B891BAE17133A0DF45B0D3E18B60BA7BEAFDC2C713"
    )
    assert keys_and_tokens(IM_ECDH, mapped, SK_IFD, mapped.public(SK_IC)) == (
        h("0D3FEB33251A6370893D62AE8DAAF51B"),
        h("B01E89E3D9E8719E586B50B4A7506E0B"),
        h("450F02B86F6A0909"),
        h("75D4D96E8D5B0308"),
    )


def test_ok__appendix_h_2_integrated_mapping_over_a_prime_field():
    nonce = nonce_of(IM_DH, CAN, "9ABB8864CA0FF1551E620D1EF4E13510")
    assert nonce == h("FA5B7E3E49753A0DB9178B7B9BD898C8")
    random = pseudo_random(IM_DH.cipher, nonce, h("B3A6DB3C870C3E99245E0D1C06B747DE"), 1024)
    assert STANDARDISED[0].map_integrated(random).public(1) == h(
        "1D7D767F11E333BCD6DBAEF40E799E7A926B96973550656FF3C830726D118D61C276CDCC61D475CF03A98E0C0E79CAEB"
        "A5BE25578BD4551D0B10903236F0B0F976852FA78EEA14EA0ACA87D1E91F688FE0DFF897BBE35A472621D343564B262F"
        "34223AE8FC59B664BFEDFA2BFE7516CA5510A6BBB633D517EC25D4E0BBAA16C2"
    )


def test_ok__appendix_i_chip_authentication_mapping():
    group = STANDARDISED[13]
    password = Password.mrz("C11T002JM496081222310314")
    nonce = nonce_of(CAM, password, "CB60E8E0D85B76A9BD304747C2AD42E2")
    assert nonce == h("658B860BC94DF6F044FCE6D5C82CF8E5")
    ifd = 0x5D8BB87BD74D985A4B7D4325B9F7B976FE835122773400798914AA22738135CC
    assert group.public(ifd)[1:33] == h("7F1D410ADB7DDB3B84BF1030800981A9105D7457B4A3ADE002384F3086C67EDE")
    theirs = h(
        "04A234236AA9B9621E8EFB73B5245C0E09D2576E5277183C1208BDD55280CAE8B3"
        "04F365713A356E65A451E165ECC9AC0AC46E3771342C8FE5AEDD092685338E23"
    )
    mapped = group.map_generic(ifd, theirs, nonce)
    assert mapped.public(1)[1:33] == h("89F0B5EABF3BE293C75903A3986131925C9F5B515CA95AF485DC7E886F03245D")
    secret = 0x76ECFDAA9841C323A3F5FC5E88B88DB3EFF7E35EBF57A7E6946CB630006C2120
    chip_public = h(
        "0402AD566F3C6EC7F9324509AD50A51FA52030782A4968FCFEDF737DAEA9933331"
        "11C3B9B4C2287789BD137E7F8AA882E2A3C633CCD6ECC2C63C57AD401A09C2E1"
    )
    assert mapped.public(secret)[1:33] == h(
        "446C934084D9DAB863944F219520076C29EE3F7AE6722B11FF319EC1C7728F95"
    )
    assert mapped.agree(secret, chip_public) == h(
        "67950559D0C06B4D4B86972D14460837461087F8419FDBC36AAF6CEAAC462832"
    )
    assert keys_and_tokens(CAM, mapped, secret, chip_public) == (
        h("0A9DA4DB03BDDE39FC5202BC44B2E89E"),
        h("4B1C06491ED5140CA2B537D344C6C0B1"),
        h("E86BD06018A1CD3B"),
        h("8596CF055C67C1A3"),
    )
    cipher = session_cipher(CAM.cipher, mapped.agree(secret, chip_public))
    encrypted = h(
        "1EEA964DAAE372AC990E3EFDE6333353BFC89A6704D93DA8798CF77F5B7A54BD10CBA372B42BE0B9B5F28AA8DE2F4F92"
    )
    assert unpad(decrypt_chip_data(cipher, encrypted), 16) == h(
        "85DC3FA93D0952BFA82F5FD189EE75BD82F11D1F0B8ED4BF5319AC9B53C426B3"
    )


def test_ok__nonces_are_as_long_as_keys_need_them():
    lengths = {
        cipher: nonce_bytes(pace_info("GM", cipher).cipher)
        for cipher in ("3DES", "AES-128", "AES-192", "AES-256")
    }
    assert lengths == {"3DES": 16, "AES-128": 16, "AES-192": 32, "AES-256": 32}


@pytest.mark.parametrize(
    "info",
    [
        PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 25),
        PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, None),
        PaceInfo("0.4.0.127.0.7.2.2.4.2.2", 2, 0),  # a prime field where a curve must be
        PaceInfo("0.4.0.127.0.7.2.2.4.1.2", 2, 12),
        PaceInfo("0.4.0.127.0.7.2.2.4.4.2", 2, 10),  # P-224 has no integrated mapping
    ],
)
def test_fail__a_group_that_cannot_be_used(info: PaceInfo):
    assert supported_group(info) is None
    with pytest.raises(AccessUnavailable, match="domain parameters"):
        establish_pace(Channel(lambda _: b"\x90\x00", max_seconds=1), info, CAN)


class Side:
    """A chip of one way of PACE, of whose answers one may be exchanged."""

    def __init__(self, *, mapping: str = "GM", step: int = -1, answer: bytes = b"") -> None:
        keys = ChipSecrets(pace=(pace_info(mapping),), can="123456")
        self._pace = PaceSide(keys, "L898902C<369080619406236")
        self._step, self._answer, self._count = step, answer, -1
        self.sent: list[Command] = []

    def transmit(self, message: bytes) -> bytes:
        command = Command.decode(message)
        self.sent.append(command)
        self._count += 1
        right = (
            self._pace.set_template(command.data)
            if command.ins == 0x22
            else self._pace.authenticate(command.data)
        )
        return self._answer if self._count == self._step else right.encode()


def run(side: Side, password: Password = CAN, mapping: str = "GM", draws: Draws | None = None):
    channel = Channel(side.transmit, max_seconds=5)
    return establish_pace(channel, pace_info(mapping), password, draws=draws)


def test_ok__commands_are_chained_but_the_last():
    side = Side()
    run(side)
    assert [(command.cla, command.ins) for command in side.sent] == [
        (0x00, 0x22),
        (0x10, 0x86),
        (0x10, 0x86),
        (0x10, 0x86),
        (0x00, 0x86),
    ]
    assert side.sent[0].le is None


def test_ok__a_chip_that_does_not_want_to_hear_its_parameters():
    side = Side(step=0, answer=h("6A80"))
    run(side)
    assert tlv.decode(side.sent[0].data)[-1].tag == 0x84
    assert tlv.decode(side.sent[1].data)[-1].tag == 0x83


def answer(*objects: tuple[int, bytes]) -> bytes:
    inside = b"".join(tlv.encode(tag, value) for tag, value in objects)
    return Response(tlv.encode(0x7C, inside), 0x9000).encode()


@pytest.mark.parametrize(
    ("step", "said", "error"),
    [
        (0, h("6A82"), AccessUnavailable),
        (1, h("6F00"), ProtocolFailed),
        (1, answer((0x80, bytes(15))), Malformed),
        (1, answer((0x81, bytes(16))), Malformed),
        (2, answer((0x82, bytes(65))), Malformed),
        (2, answer((0x82, b"\x04" + bytes(64))), Malformed),
        (3, answer((0x84, b"\x04" + b"\x01" * 64)), Malformed),
        (3, h("6A80"), ProtocolFailed),
        (4, h("6300"), AccessDenied),
        (4, h("63C2"), AccessDenied),
        (4, h("6982"), ProtocolFailed),
        (4, answer((0x86, bytes(8))), SecureMessagingError),
        (4, answer((0x87, bytes(8))), Malformed),
        (4, h("9000"), Malformed),
    ],
)
def test_fail__a_wrong_answer_at_each_step(step: int, said: bytes, error: type[EmrtdError]):
    with pytest.raises(error):
        run(Side(step=step, answer=said))


def test_fail__our_own_keys_sent_back():
    class Mirror(Side):
        def transmit(self, message: bytes) -> bytes:
            command = Command.decode(message)
            right = super().transmit(message)
            if command.ins == 0x86 and command.data[2:3] in (b"\x81", b"\x83"):
                sent = tlv.decode_one(command.data, 0x7C).children()[0]
                if sent.tag == self.mirrored:
                    return answer((sent.tag + 1, sent.value))
            return right

    for tag in (0x81, 0x83):
        mirror = Mirror()
        mirror.mirrored = tag
        with pytest.raises(Malformed, match="our own key"):
            run(mirror)


def test_fail__chip_data_that_is_none():
    for said in (answer((0x86, b"")), answer((0x86, bytes(8)), (0x8A, bytes(16)))):
        with pytest.raises(EmrtdError):
            run(Side(mapping="GM", step=4, answer=said))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.binary(max_size=200))
def test_ok__any_answer_at_any_step_opens_rightly_or_fails_typed(step: int, said: bytes):
    try:
        run(Side(step=step, answer=said))
    except EmrtdError:
        return
    assert said[-2:] == b"\x90\x00" or step > 4 or said[:1] == b"\x63"
