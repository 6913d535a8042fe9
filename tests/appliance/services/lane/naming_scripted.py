"""A scripted capture on whose reader an officer's card can be laid."""

import asyncio

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from scripted import ScriptedCapture

from appliance.contracts.card import CardProof, ProveCard
from appliance.contracts.errors import ServiceError
from appliance.simulation.chip.piv_card import PivCard


class CardCapture(ScriptedCapture):
    """Whose reader has the card that the test lays there; none: it waits in vain."""

    card: "ec.EllipticCurvePrivateKey | None" = None

    async def prove_card(self, request: ProveCard) -> CardProof:
        if self.card is None:
            await asyncio.sleep(0.01)
            raise ServiceError("no_card", "No card lies there.", retry=True)
        piv = PivCard(self.card)
        signature = self.card.sign(request.digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return CardProof(
            certificate=piv.certificate, signature=signature, device="r", simulated=True, own_reader=False
        )
