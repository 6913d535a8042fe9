"""A box's folder and card, and central beside it: what the tests of provisioning share."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import msgspec
from cryptography import x509
from nacl.signing import SigningKey, VerifyKey

from appliance.commands import provision
from appliance.contracts.provisioning import ANSWER_TYPE, Request, fingerprint
from appliance.cose import CONTENT_TYPE, sign1
from appliance.key_files import read_key
from appliance.services.agent.provisioning import Provisioning, Result
from appliance.simulation.certificates import CertificateAuthority
from central import cli as central

DEVICE = """
[box]
device = "{name}"
post = 'The "North" road'
profile = "demo"

[claim]
token = "{token}"
central_key = "{key}"

[kiosk]
language = "fr"

[[device]]
kind = "camera"
driver = "simulated"
options = {{ width = 640, height = 480 }}

[[device]]
kind = "panel"
driver = "simulated"
"""
NAME = "post-7-lane-1"
TOKEN = "A" * 32


class Box:
    """A box's start, as far as provisioning: the card is read, keys are made, and the card is answered."""

    def __init__(self, post: "Post") -> None:
        self._post = post

    def look(self) -> Result:
        place = {"card": self._post.card, "identity": self._post.identity}
        if provision._read(SimpleNamespace(**place)) == 0:
            provision._keys(SimpleNamespace(**place))
        answers = (self._post.stick, self._post.fetched)
        return Provisioning(serial=lambda: "10000000abcdef", answers=answers, **place).look()


class Post:
    """A box and its card, and central with its broker's authority."""

    def __init__(self, folder: Path) -> None:
        self.card, self.identity, self.central = folder / "card", folder / "identity", folder / "central"
        for one in (self.card, self.identity, self.identity / "tls", self.central):
            one.mkdir(parents=True)
        self.stick, self.fetched = folder / "stick", folder / "fetched"
        self.box = Box(self)
        self.claims, self.keys = self.central / "claims", self.central / "keys"
        assert central.main(["keys", "--folder", str(self.keys)]) == 0
        self.authority = CertificateAuthority(self.central / "ca")

    def claim(self, capsys, name: str = NAME, hours: str = "1", *more: str) -> str:
        """Central makes a claim, and it goes onto the card; the claim's lines."""
        capsys.readouterr()
        command = ["claim", "--claims", str(self.claims), "--keys", str(self.keys), "--hours", hours]
        assert central.main([*command, *more, name]) == 0
        lines = capsys.readouterr().out
        self.write_claim(lines, name=name)
        return lines

    def write_claim(self, lines: str, *, name: str = NAME) -> None:
        text = DEVICE.format(name=name, token=TOKEN, key="00" * 32)
        claim = text[text.index("[claim]") : text.index("[kiosk]")]
        (self.card / "device.toml").write_text(text.replace(claim, f"{lines}\n"), "utf-8")

    def write_device(
        self, *, name: str = NAME, token: str = TOKEN, key: str = "00" * 32, more: str = ""
    ) -> None:
        text = DEVICE.format(name=name, token=token, key=key) + more
        (self.card / "device.toml").write_text(text, "utf-8")

    def words(self, **changes: object) -> SimpleNamespace:
        """The commands' arguments."""
        said = {"page": None, "time_sources": None, "card": self.card, "identity": self.identity}
        said |= {"post": None, "json": False, "answers": [self.stick, self.fetched]}
        return SimpleNamespace(**(said | changes))

    @property
    def request(self) -> Request:
        return msgspec.json.decode((self.card / "request.json").read_bytes(), type=Request)

    def issuer(self) -> list[str]:
        """What every command needs that answers."""
        key, root = self.central / "ca.key", self.central / "reference-root.json"
        if not key.exists():
            root.write_text('{"signed": {}, "signatures": []}')
            self.authority.write_key(key)
        return [
            *("--keys", str(self.keys), "--database", str(self.central / "central.db")),
            *("--broker", "broker.example.org:8883", "--reference-root", str(root)),
            *("--ca", str(self.authority.certificate), "--ca-key", str(key)),
        ]

    def enrol(self, *more: str, agreed: str | None = None) -> int:
        said = fingerprint(self.request) if agreed is None else agreed
        papers = [str(self.card / "request.json"), str(self.card / "answer.cose")]
        claims = ("--claims", str(self.claims), "--fingerprint", said)
        return central.main(["enrol", *papers, *claims, *self.issuer(), *more])

    @property
    def provisioning_key(self) -> VerifyKey:
        return read_key(self.keys / "provisioning.pub", VerifyKey)

    def answer(self, signer: SigningKey, kind: str = ANSWER_TYPE, **changes: object) -> None:
        """An answer of our own making."""
        csr = x509.load_pem_x509_csr(self.request.csr.encode())
        from central.enrol import issue

        authority = x509.load_pem_x509_certificate(self.authority.certificate.read_bytes())
        now = dt.datetime.now(dt.UTC)
        values = {
            "device": NAME,
            "signing_key": self.request.signing_key,
            "certificate": issue(self.request, authority, self.authority._key, days=1, now=now),
            "ca": self.authority.certificate.read_text(),
            "broker": {"host": "broker.example.org", "port": 8883},
            "sealing": "11" * 32,
            "watermark": bytes(signer.verify_key).hex(),
            "reference_root": {"signed": {}, "signatures": []},
        } | changes
        assert csr.is_signature_valid
        data = sign1(msgspec.json.encode(values), protected={CONTENT_TYPE: kind}, signing_key=signer)
        (self.card / "answer.cose").write_bytes(data)
