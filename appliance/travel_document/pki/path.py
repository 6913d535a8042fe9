"""From a signer's certificate to an authority that is trusted (ICAO Doc 9303-12, 5; RFC 5280, 6)."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.travel_document.pki.certificate import Certificate

MAX_PATH = 5
"""Signer, a link certificate or two between an authority's keys, the authority."""
MAX_SIGNATURES = 64
"""Signatures checked for one path: a state has some ten authorities, an attacker may send any number."""


class PathOutcome(enum.StrEnum):
    """What came of looking for a path; codes for checks."""

    TRUSTED = "trusted"
    NO_ANCHOR = "no_trust_anchor"
    """No authority of that country is in the store: nothing can be said."""
    UNKNOWN = "unknown_authority"
    """There are authorities of that country, and none has the key that this names: an old one, or an
    invented one."""
    NOT_ISSUED = "not_issued_by_authority"
    """The authority that it names is in the store, and did not issue it."""


@dataclass(frozen=True, slots=True)
class CertificatePath:
    """The certificates from the signer up, and what was found."""

    outcome: PathOutcome
    certificates: tuple[Certificate, ...]

    @property
    def authority(self) -> Certificate | None:
        return self.certificates[-1] if self.outcome is PathOutcome.TRUSTED else None

    def not_valid_at(self, moment: dt.datetime) -> tuple[Certificate, ...]:
        """Those certificates above the signer that are out of their validity at this moment."""
        return tuple(one for one in self.certificates[1:] if not one.valid_at(moment))


def may_issue(certificate: Certificate) -> bool:
    """Whether it says that it may sign certificates; some link certificates say so by their key usage
    alone."""
    if certificate.key_usage is not None:
        return "key_cert_sign" in certificate.key_usage
    return certificate.is_authority


def find_path(
    signer: Certificate,
    *,
    authorities: Callable[[str], Iterable[Certificate]],
    between: Iterable[Certificate] = (),
) -> CertificatePath:
    """The shortest path from the signer to an authority; `authorities` gives the trusted ones of a country.

    `between` are certificates that came with the signer: not trusted, but a path may lead through them.
    """
    trusted = tuple(authorities(signer.issuer.country))
    if signer in trusted:
        return CertificatePath(PathOutcome.TRUSTED, (signer,))
    links = [one for one in between if may_issue(one) and one != signer]
    checked = 0
    waiting: list[tuple[Certificate, ...]] = [(signer,)]
    while waiting:
        way = waiting.pop(0)
        last = way[-1]
        for candidates, ends in ((trusted, True), (links, False)):
            for issuer in likely_issuers(last, candidates):
                checked += 1
                if checked > MAX_SIGNATURES:
                    return CertificatePath(PathOutcome.UNKNOWN, (signer,))
                if issuer in way or not may_issue(issuer) or not last.signed_by(issuer):
                    continue
                longer = (*way, issuer)
                if ends:
                    return CertificatePath(PathOutcome.TRUSTED, longer)
                if len(longer) < MAX_PATH:
                    waiting.append(longer)
    return CertificatePath(_why_not(signer, trusted), (signer,))


def _why_not(signer: Certificate, trusted: Iterable[Certificate]) -> PathOutcome:
    known = tuple(trusted)
    if not known:
        return PathOutcome.NO_ANCHOR
    if signer.authority_key_id is None:
        named = any(one.subject.comparable == signer.issuer.comparable for one in known)
    else:
        named = any(one.subject_key_id == signer.authority_key_id for one in known)
    return PathOutcome.NOT_ISSUED if named else PathOutcome.UNKNOWN


def likely_issuers(certificate: Certificate, candidates: Iterable[Certificate]) -> list[Certificate]:
    """Those that may have issued it, the likeliest first: by key identifier, then by name, then any.

    Both have been seen wrong in the field, so they put in order and never rule out.
    """

    def unlikely(issuer: Certificate) -> int:
        by_key = (
            certificate.authority_key_id is not None and certificate.authority_key_id == issuer.subject_key_id
        )
        by_name = certificate.issuer.comparable == issuer.subject.comparable
        return 0 if by_key and by_name else 1 if by_key else 2 if by_name else 3

    return sorted(candidates, key=unlikely)
