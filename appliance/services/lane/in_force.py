"""What is in force: the policy, the rules and the trust anchors that central signed, as they come.

A policy that came through the gate goes before the one that the box was provisioned with. The gate looks at
all of it before it is installed; what is damaged on the card since then leaves the last good ones standing,
and the screen says so.
"""

import logging
import threading
from pathlib import Path
from typing import Final

from appliance.config import ConfigError
from appliance.contracts.update import UpdateOffer, UpdateOfferError, read_offers
from appliance.reference_data.errors import Refused
from appliance.reference_data.installer import ContentCheck
from appliance.reference_data.sealed import ContentType
from appliance.reference_data.store import ReferenceStore
from appliance.reference_data.trust_folder import TrustUnavailable, take_over
from appliance.rules.table import RuleTable, read_table
from appliance.services.lane.policy import Policy, read_policy

UNREADABLE: Final = "signed_data_unreadable"
"""Notice: what central signed lies damaged on this box; it should be sent again."""

log = logging.getLogger(__name__)


class InForce:
    """Policy and rules as they stand; `look` takes up what is new. Safe to use from several threads."""

    def __init__(
        self, provisioned: Policy, *, signed: ReferenceStore, trust: Path, trust_check: ContentCheck
    ) -> None:
        self.policy = provisioned
        self.rules: RuleTable | None = None
        """None: none came yet."""
        self.updates: tuple[UpdateOffer, ...] = ()
        """Software that central offers; agent asks for it."""
        self.notices: tuple[str, ...] = ()
        self._signed = signed
        self._trust = trust
        self._trust_check = trust_check
        self._versions: dict[ContentType, int] = {}
        self._lock = threading.Lock()

    def look(self) -> bool:
        """Whether there is anything new."""
        with self._lock:
            return self._look()

    def _look(self) -> bool:
        troubles: list[str] = []
        changed = False
        for take in (self._take_policy, self._take_rules, self._take_updates, self._take_trust):
            try:
                changed |= take()
            except (Refused, ConfigError, UpdateOfferError, TrustUnavailable) as error:
                troubles.append(str(error))
        notices = (UNREADABLE,) if troubles else ()
        if notices != self.notices:
            self.notices, changed = notices, True
            for sentence in troubles:
                log.error("%s", sentence)
        return changed

    def _take_policy(self) -> bool:
        content = self._newer(ContentType.POLICY)
        if content is not None:
            self.policy = read_policy(content)
            log.info("the policy is now %s", self.policy.label)
        return content is not None

    def _take_rules(self) -> bool:
        content = self._newer(ContentType.RULES)
        if content is not None:
            self.rules = read_table(content)
            log.info("the rules are now %s", self.rules.label)
        return content is not None

    def _take_updates(self) -> bool:
        content = self._newer(ContentType.UPDATE)
        if content is not None:
            self.updates = read_offers(content)
        return content is not None

    def _newer(self, type_: ContentType) -> bytes | None:
        """What is installed of this type, once for each version."""
        standing = self._signed.standing(type_)
        if standing is None or standing.version == self._versions.get(type_):
            return None
        content = self._signed.content(standing)
        self._versions[type_] = standing.version
        return content

    def _take_trust(self) -> bool:
        return take_over(self._trust, self._signed, self._trust_check)
