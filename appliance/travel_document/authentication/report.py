"""Everything that can be said of one chip, in the order of the work: one list of findings from one set of
facts."""

from dataclasses import dataclass

from appliance.travel_document.authentication.facts import ChipFacts
from appliance.travel_document.authentication.finding import FAIL, NOT_DONE, PASS, Finding, Moment
from appliance.travel_document.authentication.passive import PassiveResult, authenticate
from appliance.travel_document.authentication.proofs import (
    judge_access,
    judge_active_authentication,
    judge_card_access,
    judge_chip_authentication,
    judge_chip_mapping,
)
from appliance.travel_document.compare import different_fields
from appliance.travel_document.data_groups import mrz_from_dg1
from appliance.travel_document.errors import MrzError
from appliance.travel_document.mrz import Mrz, parse_mrz
from appliance.travel_document.pki.trust_store import TrustStore

IDS = (
    "chip.pace",
    "chip.card_access_matches_dg14",
    "chip.dg1_matches_mrz",
    "chip.sod_signature",
    "chip.certificate_path",
    "chip.signer_validity",
    "chip.key_usage",
    "chip.revocation",
    "chip.issuing_state",
    "chip.com_matches_sod",
    "chip.passive_authentication",
    "chip.active_authentication",
    "chip.chip_authentication",
    "chip.chip_authentication_mapping",
)
"""Every check that a chip is put to, besides the hash of each of its data groups."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All findings, and the passive authentication that the others lean on."""

    findings: tuple[Finding, ...]
    passive: PassiveResult

    @property
    def issuing_state(self) -> str | None:
        """The two letters of the signer's country."""
        signer = self.passive.signer
        return signer.issuer.country if signer is not None else None


def judge_chip(
    facts: ChipFacts,
    store: TrustStore,
    moment: Moment,
    *,
    page: Mrz | None = None,
    passive: PassiveResult | None = None,
) -> Judgement:
    """Judge a chip; `page` is the MRZ as read from the page, `passive` what was verified ahead of time.

    A result from ahead is used only if it saw the same files.
    """
    if passive is None:
        passive = authenticate(facts, store, moment)
    findings = (
        judge_access(facts),
        judge_card_access(facts, passive),
        match_page(facts, page, moment),
        *passive.findings,
        judge_active_authentication(facts, passive),
        judge_chip_authentication(facts, passive),
        judge_chip_mapping(facts, passive, store),
    )
    return Judgement(findings, passive)


def match_page(facts: ChipFacts, page: Mrz | None, moment: Moment) -> Finding:
    """The chip's MRZ against the page's, field by field (Doc 9303-10, 4.7.1)."""
    id_ = "chip.dg1_matches_mrz"
    content = facts.files.get("DG1")
    if page is None or content is None:
        return Finding(id_, NOT_DONE, "no_mrz" if page is None else "chip_not_read")
    try:
        inside = parse_mrz(mrz_from_dg1(content), today=moment.now.date())
    except MrzError:
        return Finding(id_, FAIL, "malformed")
    fields = different_fields(page, inside)
    if not fields:
        return Finding(id_, PASS, "equal")
    return Finding(id_, FAIL, "different", {"fields": list(fields)})
