"""Passive Authentication (ICAO Doc 9303-11, 5.1): the security object, its signer, and every data group's
hash."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from appliance.travel_document.authentication.facts import ChipFacts
from appliance.travel_document.authentication.finding import (
    CANNOT,
    FAIL,
    NOT_DONE,
    PASS,
    Finding,
    Moment,
    Verdict,
)
from appliance.travel_document.authentication.security_object import SecurityObject, read_security_object
from appliance.travel_document.codes_alpha2 import same_issuer
from appliance.travel_document.data_groups import mrz_from_dg1
from appliance.travel_document.errors import MrzError
from appliance.travel_document.lds.com import read_com
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.mrz import Mrz, parse_mrz
from appliance.travel_document.pki.certificate import Certificate
from appliance.travel_document.pki.cms import SignatureOutcome
from appliance.travel_document.pki.path import CertificatePath, PathOutcome, find_path
from appliance.travel_document.pki.trust_store import TrustStore

GUARDED: Final = frozenset({3, 4})
"""Fingers and irises: behind terminal authentication, for which one needs a certificate of the issuing
state."""
GROUPS: Final = range(1, 17)
SIGNING_TIME_SLACK: Final = dt.timedelta(days=1)
"""Signers' clocks and time zones; one day more or less says nothing."""


@dataclass(frozen=True, slots=True)
class PassiveResult:
    """Every finding, and which data groups the signed object covers; `trusted` when all of it holds."""

    findings: tuple[Finding, ...]
    covered: frozenset[int]
    listed: frozenset[int]
    """Data groups that the signed object names, whether they were read or not."""
    trusted: bool
    signer: Certificate | None
    path: CertificatePath | None

    def covers(self, number: int) -> bool:
        """Whether this data group may be relied on."""
        return self.trusted and number in self.covered


def authenticate(facts: ChipFacts, store: TrustStore, moment: Moment) -> PassiveResult:
    """Passive Authentication of the files in `facts` against the store."""
    groups = {number: facts.files[f"DG{number}"] for number in GROUPS if f"DG{number}" in facts.files}
    content = facts.files.get("SOD")
    if content is None:
        return _without_object(groups, "no_sod")
    try:
        sod = read_security_object(content)
    except EmrtdError as error:
        return _without_object(groups, "malformed", str(error))
    return _Authentication(facts, sod, groups, store, moment).result()


class _Authentication:
    """One security object on its way through every check."""

    def __init__(
        self,
        facts: ChipFacts,
        sod: SecurityObject,
        groups: Mapping[int, bytes],
        store: TrustStore,
        moment: Moment,
    ) -> None:
        self._facts = facts
        self._sod = sod
        self._groups = groups
        self._store = store
        self._moment = moment
        self._signer: Certificate | None = None
        self._path: CertificatePath | None = None
        self._mrz = _mrz_of(groups.get(1), moment)

    def result(self) -> PassiveResult:
        findings = [self._signature(), self._certificate_path()]
        findings += [self._validity(), self._usage(), self._revocation(), self._issuing_state()]
        hashes = tuple(self._hashes())
        findings += hashes
        com = self._com()
        if com is not None:
            findings.append(com)
        summary = _summary(findings)
        covered = frozenset(
            number for number, finding in zip(self._numbers(), hashes, strict=True) if finding.verdict == PASS
        )
        return PassiveResult(
            (*findings, summary),
            covered,
            frozenset(self._sod.hashes),
            summary.verdict == PASS,
            self._signer,
            self._path,
        )

    def _signature(self) -> Finding:
        id_ = "chip.sod_signature"
        signed = self._sod.signed
        signer = signed.signers[0]
        certificate = signed.certificate_of(signer, self._all_signers())
        if certificate is None:
            return Finding(id_, CANNOT, "no_signer_certificate")
        outcome = signed.check(signer, certificate)
        evidence: dict[str, Any] = {"digest": self._sod.digest}
        if outcome is SignatureOutcome.OK:
            self._signer = certificate
            evidence |= {"algorithm": signer.algorithm.description, "key": certificate.public_key.description}
            if self._sod.legacy_content_type:
                evidence["content_type"] = signed.content_type
            return Finding(id_, PASS, "ok", evidence)
        verdict: Verdict = CANNOT if outcome is SignatureOutcome.UNSUPPORTED else FAIL
        return Finding(id_, verdict, outcome.value, evidence)

    def _all_signers(self) -> tuple[Certificate, ...]:
        """Signers of the store, for the rare object that does not bring its own."""
        issuer = self._sod.signed.signers[0].issuer
        return self._store.signers(issuer.country) if issuer is not None else ()

    def _certificate_path(self) -> Finding:
        id_ = "chip.certificate_path"
        if self._signer is None:
            return Finding(id_, NOT_DONE, "signature_not_verified")
        country = self._signer.issuer.country
        evidence: dict[str, Any] = {"country": country}
        if self._store.empty:
            return Finding(id_, CANNOT, "no_trust_store", evidence)
        path = find_path(
            self._signer, authorities=self._store.authorities, between=self._sod.signed.certificates
        )
        self._path = path
        authority = path.authority
        if authority is None:
            verdict: Verdict = FAIL if path.outcome is PathOutcome.NOT_ISSUED else CANNOT
            return Finding(id_, verdict, path.outcome.value, evidence)
        evidence |= {
            "length": len(path.certificates),
            "authority": authority.fingerprint,
            "role": self._store.role_of(authority),
            "list_age_hours": self._moment.age_hours(self._store.said_at(authority)),
        }
        deviations = self._store.deviations_of(self._signer)
        if deviations:
            evidence["known_deviations"] = [one.description or ", ".join(one.types) for one in deviations]
        return Finding(id_, PASS, "trusted", evidence)

    def _validity(self) -> Finding:
        """The signer when it signed, and now; its authority when it issued the signer's certificate."""
        id_ = "chip.signer_validity"
        signer = self._signer
        if signer is None:
            return Finding(id_, NOT_DONE, "signature_not_verified")
        signed_at = self._sod.signed.signers[0].signing_time
        evidence: dict[str, Any] = {
            "from": signer.not_before.date().isoformat(),
            "to": signer.not_after.date().isoformat(),
            "signed": signed_at.date().isoformat() if signed_at else None,
        }
        authority = self._path.authority if self._path is not None else None
        if authority is not None and not authority.valid_at(signer.not_before + SIGNING_TIME_SLACK):
            return Finding(id_, FAIL, "authority_not_valid_then", evidence)
        if signed_at is not None and not _around(signer, signed_at):
            return Finding(id_, FAIL, "not_valid_at_signing", evidence)
        now = self._moment.within(signer.not_before, signer.not_after)
        if now is None:
            return Finding(id_, CANNOT, "clock_unsure", evidence)
        if now:
            return Finding(id_, PASS, "valid", evidence)
        if self._moment.now < signer.not_before:
            return Finding(id_, FAIL, "not_yet_valid", evidence)
        expiry = self._mrz.expiry_date.as_date() if self._mrz is not None else None
        if expiry is not None and expiry > signer.not_after.date():
            return Finding(id_, FAIL, "expired_before_document", evidence)
        if signed_at is None:
            return Finding(id_, CANNOT, "signing_time_unknown", evidence)
        return Finding(id_, PASS, "valid_at_signing", evidence)

    def _usage(self) -> Finding:
        """Whether the signer may sign documents, and documents of this kind (9303-11, 5.1.1)."""
        id_ = "chip.key_usage"
        signer = self._signer
        if signer is None:
            return Finding(id_, NOT_DONE, "signature_not_verified")
        evidence: dict[str, Any] = {"document_types": list(signer.document_types)}
        if signer.key_usage is not None and "digital_signature" not in signer.key_usage:
            return Finding(id_, FAIL, "not_for_signatures", evidence)
        if may_be_other_kind(signer, self._mrz):
            return Finding(id_, FAIL, "other_kind_of_document", evidence)
        return Finding(id_, PASS, "ok", evidence)

    def _revocation(self) -> Finding:
        id_ = "chip.revocation"
        if self._signer is None or self._path is None or self._path.authority is None:
            return Finding(id_, NOT_DONE, "no_trusted_path")
        signer = self._signer
        newest, oldest_update = None, None
        for certificate in self._path.certificates[:-1] or self._path.certificates:
            for crl in self._store.crls(certificate.issuer.country):
                if not crl.covers(certificate):
                    continue
                since = crl.revoked.get(certificate.serial)
                if since is not None:
                    evidence = {"since": since[0].date().isoformat(), "why": since[1]}
                    evidence["list_age_hours"] = self._moment.age_hours(crl.this_update)  # type: ignore[assignment]
                    return Finding(id_, FAIL, "revoked", evidence)
                if certificate is signer and (newest is None or crl.this_update > newest):
                    newest, oldest_update = crl.this_update, crl.next_update
        if newest is None:
            return Finding(id_, NOT_DONE, "no_crl", {"country": signer.issuer.country})
        evidence = {"list_age_hours": self._moment.age_hours(newest)}  # type: ignore[dict-item]
        old = oldest_update is not None and self._moment.within(newest, oldest_update) is False
        return Finding(id_, PASS, "not_revoked_old_list" if old else "not_revoked", evidence)

    def _issuing_state(self) -> Finding:
        """The countries of DG1, of the signer and of its authority (9303-11, 5.1.1)."""
        id_ = "chip.issuing_state"
        if self._signer is None:
            return Finding(id_, NOT_DONE, "signature_not_verified")
        if self._mrz is None:
            return Finding(id_, NOT_DONE, "no_dg1")
        countries = [self._signer.issuer.country]
        if self._path is not None and self._path.authority is not None:
            countries.append(self._path.authority.country)
        evidence = {"document": self._mrz.issuing_state, "certificates": sorted(set(countries))}
        if "" in countries:
            return Finding(id_, CANNOT, "no_country", evidence)
        answers = [same_issuer(self._mrz.issuing_state, country) for country in countries]
        if False in answers:
            return Finding(id_, FAIL, "different", evidence)
        if None in answers:
            return Finding(id_, CANNOT, "unknown_code", evidence)
        return Finding(id_, PASS, "equal", evidence)

    def _numbers(self) -> list[int]:
        return sorted({*self._groups, *self._sod.hashes} & set(GROUPS))

    def _hashes(self) -> Iterator[Finding]:
        for number in self._numbers():
            yield self._hash(number)

    def _hash(self, number: int) -> Finding:
        id_ = f"chip.data_group_hash.dg{number}"
        content = self._groups.get(number)
        if content is None:
            reason = "needs_terminal_authentication" if number in GUARDED else "not_read"
            why = self._facts.not_read.get(f"DG{number}")
            return Finding(id_, NOT_DONE, reason, {"why": why} if why else {})
        covered = self._sod.covers(number, content)
        if covered is None:
            return Finding(id_, NOT_DONE, "not_in_sod")
        return Finding(id_, PASS, "ok") if covered else Finding(id_, FAIL, "different")

    def _com(self) -> Finding | None:
        """EF.COM is not signed: one that leaves out what the security object lists hides it from readers."""
        id_ = "chip.com_matches_sod"
        content = self._facts.files.get("COM")
        if content is None:
            return None
        try:
            named = set(read_com(content).numbers)
        except EmrtdError:
            return Finding(id_, FAIL, "malformed")
        hidden = sorted(set(self._sod.hashes) & set(GROUPS) - named)
        more = sorted(named - set(self._sod.hashes))
        if hidden:
            return Finding(id_, FAIL, "hides_data_groups", {"hidden": hidden})
        if more:
            return Finding(id_, PASS, "names_more", {"more": more})
        return Finding(id_, PASS, "equal")


def may_be_other_kind(signer: Certificate, mrz: Mrz | None) -> bool:
    """Whether the signer's certificate names kinds of documents, and this is none of them."""
    kinds = {kind[:1] for kind in signer.document_types if kind}
    if not kinds or mrz is None or not mrz.document_code:
        return False
    letter = mrz.document_code[0]
    # A, C and I are one kind: official travel documents of the card's sizes (9303-5, 4.2.2.1).
    cards = {"A", "C", "I"}
    return letter not in kinds and not (letter in cards and kinds & cards)


def _around(signer: Certificate, moment: dt.datetime) -> bool:
    """Within the certificate's validity; the private key's period is shorter and may be kept less exactly."""
    return signer.not_before - SIGNING_TIME_SLACK <= moment <= signer.not_after + SIGNING_TIME_SLACK


def _mrz_of(dg1: bytes | None, moment: Moment) -> Mrz | None:
    if dg1 is None:
        return None
    try:
        return parse_mrz(mrz_from_dg1(dg1), today=moment.now.date())
    except MrzError:
        return None


def _without_object(groups: Mapping[int, bytes], reason: str, sentence: str = "") -> PassiveResult:
    malformed = reason == "malformed"
    verdict: Verdict = FAIL if malformed else NOT_DONE
    evidence = {"problem": sentence} if sentence else {}
    findings = [Finding("chip.sod_signature", verdict, reason, evidence)]
    findings += [
        Finding(f"chip.data_group_hash.dg{number}", NOT_DONE, reason if not malformed else "no_sod")
        for number in sorted(groups)
    ]
    summary = Finding("chip.passive_authentication", FAIL if malformed else CANNOT, reason)
    return PassiveResult(
        (*findings, summary), frozenset(), frozenset(), trusted=False, signer=None, path=None
    )


_OPTIONAL: Final = frozenset({"chip.revocation", "chip.issuing_state", "chip.com_matches_sod"})
"""May be NOT_DONE for want of a list, of DG1 or of EF.COM without taking the verdict away."""


def _summary(findings: list[Finding]) -> Finding:
    """One verdict of all: FAIL if any fails, PASS if all that must pass do."""
    id_ = "chip.passive_authentication"
    failed = [finding for finding in findings if finding.verdict == FAIL]
    if failed:
        return Finding(id_, FAIL, "failed", {"because": [finding.id for finding in failed]})
    stopped = [
        finding
        for finding in findings
        if finding.verdict == CANNOT
        or (
            finding.verdict == NOT_DONE
            and finding.id not in _OPTIONAL
            and "data_group_hash" not in finding.id
        )
    ]
    if stopped:
        return Finding(id_, CANNOT, stopped[0].reason, {"because": [finding.id for finding in stopped]})
    hashes = [finding for finding in findings if "data_group_hash" in finding.id]
    if not any(finding.verdict == PASS for finding in hashes):
        return Finding(id_, NOT_DONE, "no_data_groups")
    return Finding(id_, PASS, "verified")
