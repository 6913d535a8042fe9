"""The chip's own proofs (ICAO Doc 9303-11, 6): verdicts that count only where passive authentication covers
the key.

A clone can copy every file, the keys for these protocols too; what it cannot copy is the private half. And
it can leave the files out or refuse to take part: where the signed object says that there is a key, that is
a failure too.
"""

from appliance.travel_document.authentication.active import proves, read_dg15
from appliance.travel_document.authentication.facts import ChipFacts, ChipMappingFacts
from appliance.travel_document.authentication.finding import CANNOT, FAIL, NOT_DONE, PASS, Finding
from appliance.travel_document.authentication.passive import PassiveResult
from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.lds.security_infos import (
    SecurityInfos,
    read_card_access,
    read_dg14,
    read_security_infos,
)
from appliance.travel_document.pki.cms import SignatureOutcome, parse_signed_data
from appliance.travel_document.pki.groups import CURVE_BY_NAME
from appliance.travel_document.pki.keys import EcKey, PublicKey
from appliance.travel_document.pki.path import PathOutcome, find_path
from appliance.travel_document.pki.trust_store import TrustStore

CARD_SECURITY_TYPE = "0.4.0.127.0.7.3.2.1"
"""id-SecurityObject, what EF.CardSecurity signs (9303-11, 9.2.11)."""


def judge_active_authentication(facts: ChipFacts, passive: PassiveResult) -> Finding:
    """Whether the chip signed the challenge with the key of DG15."""
    id_ = "chip.active_authentication"
    missing = _missing(id_, "DG15", 15, facts, passive)
    if missing is not None:
        return missing
    signed = facts.active_authentication
    if signed is None:
        return Finding(id_, NOT_DONE, "not_asked")
    try:
        key = read_dg15(facts.files["DG15"])
    except EmrtdError as error:
        return Finding(id_, CANNOT, "unsupported_key", {"problem": str(error)})
    evidence = {"key": key.description}
    if not signed.response:
        return Finding(id_, FAIL, "refused", {**evidence, "status": f"{signed.status_word:04X}"})
    if proves(key, signed.challenge, signed.response, digest=_digest(facts)):
        return Finding(id_, PASS, "proved", evidence)
    return Finding(id_, FAIL, "signature_wrong", evidence)


def judge_chip_authentication(facts: ChipFacts, passive: PassiveResult) -> Finding:
    """Whether the chip holds the private key to the one in DG14."""
    id_ = "chip.chip_authentication"
    missing = _missing(id_, "DG14", 14, facts, passive)
    if missing is not None:
        return missing
    try:
        infos = read_dg14(facts.files["DG14"])
    except EmrtdError as error:
        return Finding(id_, CANNOT, "unsupported_key", {"problem": str(error)})
    if not infos.chip_authentication_keys:
        if infos.unread:
            return Finding(id_, CANNOT, "unsupported_key")
        return Finding(id_, NOT_DONE, "not_offered")
    run = facts.chip_authentication
    if run is None:
        return Finding(id_, NOT_DONE, "not_asked")
    evidence = {"protocol": run.protocol, "inferred": run.inferred}
    if run.status_word is not None:
        evidence["status"] = f"{run.status_word:04X}"
    if run.public_key not in {_point(one.key) for one in infos.chip_authentication_keys}:
        return Finding(id_, CANNOT, "other_key", evidence)
    if run.outcome == "proved":
        return Finding(id_, PASS, "proved", evidence)
    if run.outcome == "refused":
        # Where the chip never said that it does this, its refusal says nothing.
        return Finding(id_, CANNOT if run.inferred else FAIL, "refused", evidence)
    return Finding(id_, FAIL, "wrong_answer", evidence)


def judge_chip_mapping(facts: ChipFacts, passive: PassiveResult, store: TrustStore) -> Finding:
    """Whether PACE's chip authentication mapping was made with the chip's private key (4.4.3.5.2).

    It proves the chip to the terminal that ran PACE; unlike the other two, nobody can be shown it afterwards.
    """
    id_ = "chip.chip_authentication_mapping"
    mapping = facts.chip_mapping
    if mapping is None:
        return Finding(id_, NOT_DONE, "not_offered")
    keys, source = _mapping_keys(facts, passive, store)
    evidence = {"curve": mapping.curve, "key_from": source}
    if not keys:
        return Finding(id_, NOT_DONE, "key_not_authenticated", evidence)
    if any(_maps(mapping, key) for key in keys):
        return Finding(id_, PASS, "proved", evidence)
    return Finding(id_, FAIL, "wrong_answer", evidence)


def judge_card_access(facts: ChipFacts, passive: PassiveResult) -> Finding:
    """EF.CardAccess is not signed; DG14 repeats it and is (9303-11, 9.2.1)."""
    id_ = "chip.card_access_matches_dg14"
    if "DG14" not in facts.files:
        return Finding(id_, NOT_DONE, "no_dg14")
    if not passive.covers(14):
        return Finding(id_, NOT_DONE, "key_not_authenticated")
    try:
        signed = {(info.oid, info.parameter_id) for info in read_dg14(facts.files["DG14"]).pace}
        content = facts.files.get("CardAccess")
        shown = set() if content is None else {
            (info.oid, info.parameter_id) for info in read_card_access(content).pace
        }  # fmt: skip
    except EmrtdError:
        return Finding(id_, FAIL, "malformed")
    if not signed:
        return Finding(id_, NOT_DONE, "not_in_dg14")
    if not shown:
        if not facts.from_chip:
            return Finding(id_, NOT_DONE, "not_read")
        return Finding(id_, FAIL, "pace_hidden")
    return Finding(id_, PASS, "equal") if shown == signed else Finding(id_, FAIL, "different")


def judge_access(facts: ChipFacts) -> Finding:
    """Which access protocol was used, of those that were offered: a step down is a finding, never silent."""
    id_ = "chip.pace"
    access = facts.access
    if access is None:
        return Finding(id_, NOT_DONE, "no_chip_to_ask")
    attempts = [
        {
            "protocol": one.protocol,
            "password": one.password,
            "outcome": one.outcome,
            **({"step": one.step} if one.step else {}),
            **({"status": f"{one.status_word:04X}"} if one.status_word is not None else {}),
        }
        for one in access.attempts
    ]
    evidence = {"used": access.used, "attempts": attempts}
    if access.used == "PACE":
        return Finding(id_, PASS, "used", evidence)
    if not access.pace_offered:
        return Finding(id_, NOT_DONE, "not_offered", evidence)
    pace = [one for one in access.attempts if one.protocol != "BAC"]
    if pace and all(one.outcome == "unsupported" for one in pace):
        return Finding(id_, CANNOT, "offered_not_supported", evidence)
    return Finding(id_, FAIL, "offered_not_used", evidence)


def _missing(id_: str, name: str, number: int, facts: ChipFacts, passive: PassiveResult) -> Finding | None:
    """Why there can be no verdict that counts; None when there can."""
    if name not in facts.files:
        if number in passive.listed and facts.from_chip:
            return Finding(id_, FAIL, "withheld", {"why": facts.not_read.get(name, "")})
        reason = "not_read" if number in passive.listed else "not_offered"
        return Finding(id_, NOT_DONE, reason)
    if number not in passive.listed:
        return Finding(id_, NOT_DONE, "not_in_sod")
    if not facts.from_chip:
        return Finding(id_, NOT_DONE, "no_chip_to_ask")
    if not passive.covers(number):
        return Finding(id_, NOT_DONE, "key_not_authenticated")
    return None


def _digest(facts: ChipFacts) -> str | None:
    """What DG14 states of Active Authentication by ECDSA."""
    try:
        return read_dg14(facts.files["DG14"]).active_authentication_digest
    except (KeyError, EmrtdError):
        return None


def _point(key: PublicKey) -> bytes:
    return key.point if isinstance(key, EcKey) else getattr(key, "value", b"")


def _mapping_keys(facts: ChipFacts, passive: PassiveResult, store: TrustStore) -> tuple[list[EcKey], str]:
    """The chip's static keys that somebody trusted has signed: in EF.CardSecurity, or in DG14."""
    content = facts.files.get("CardSecurity")
    if content is not None:
        try:
            infos = _verified_card_security(content, store)
        except EmrtdError:
            infos = None
        if infos is not None:
            return _ec_keys(infos), "CardSecurity"
    if passive.covers(14):
        try:
            return _ec_keys(read_dg14(facts.files["DG14"])), "DG14"
        except EmrtdError:
            pass
    return [], ""


def _verified_card_security(content: bytes, store: TrustStore) -> SecurityInfos | None:
    """What EF.CardSecurity says, when its signature leads to a trusted authority."""
    signed = parse_signed_data(content)
    if signed.content_type != CARD_SECURITY_TYPE:
        raise Malformed("EF.CardSecurity signs something else.")
    signer = signed.signers[0]
    certificate = signed.certificate_of(signer)
    if certificate is None or signed.check(signer, certificate) is not SignatureOutcome.OK:
        return None
    path = find_path(certificate, authorities=store.authorities, between=signed.certificates)
    if path.outcome is not PathOutcome.TRUSTED:
        return None
    return read_security_infos(der.parse(signed.content))


def _ec_keys(infos: SecurityInfos) -> list[EcKey]:
    return [one.key for one in infos.chip_authentication_keys if isinstance(one.key, EcKey)]


def _maps(mapping: ChipMappingFacts, key: EcKey) -> bool:
    """PK_Map,IC = CA_IC times PK_IC, on the curve that PACE ran on."""
    curve = CURVE_BY_NAME.get(mapping.curve)
    if curve is None or key.curve.name != curve.name or len(mapping.chip_data) > curve.order_bytes:
        return False
    try:
        return curve.multiply(key.point, int.from_bytes(mapping.chip_data)) == mapping.mapping_key
    except Malformed:
        return False
