"""Other people's chips: security objects, specimen chips, recorded sessions, portraits and master lists,
held to.

    python benchmarks/chip_vectors.py DATA [--json]

DATA holds any of: sod/*_EF_SOD.* (with *_CSCA.*), masterlists/*.ml with root certificates beside them,
folders of a chip's files, dg2/*, gmrtd/*.json with recorded sessions. Everything found is tried; the table
says what verified, what did not, and why. Fractions in the JSON are of what was found; a list's every
certificate is counted.
"""

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance.chip.pace import decrypt_chip_data, public_key_object
from appliance.commands.chip import read_folder
from appliance.commands.output import CouldNot
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.chip_authentication import ChipAuthentication
from appliance.secure_messaging.ciphers import AesCipher, unpad
from appliance.secure_messaging.key_derivation import make_cipher
from appliance.secure_messaging.session import SecureMessaging
from appliance.services.capture.pictures import PictureError, decode_portrait
from appliance.travel_document.authentication.active import proves, read_dg15
from appliance.travel_document.authentication.facts import ChipFacts, ChipMappingFacts
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.authentication.proofs import judge_chip_mapping
from appliance.travel_document.authentication.report import judge_chip
from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.face_image import extract_face_image
from appliance.travel_document.lds.security_infos import Cipher, PaceInfo, read_dg14, read_security_infos
from appliance.travel_document.pki.cms import parse_signed_data
from appliance.travel_document.pki.groups import STANDARDISED
from appliance.travel_document.pki.trust_import import import_trust
from appliance.travel_document.pki.trust_report import Anchor
from appliance.travel_document.pki.trust_store import TrustStore

Row = tuple[str, str, bool, str]
"""Kind, name, whether it came out as it must, and what was said."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None or not arguments.data.is_dir():
        print("chip_vectors: name a folder of vectors", file=sys.stderr)
        return 2
    now = dt.datetime.now(dt.UTC)
    rows: list[Row] = []
    lists, store = master_lists(arguments.data, now)
    rows += [(kind, name, good, said) for kind, name, good, said, _ in lists]
    rows += list(security_objects(arguments.data, store, now))
    rows += list(folders(arguments.data, store, now))
    rows += list(portraits(arguments.data))
    rows += list(sessions(arguments.data))
    by_kind: dict[str, dict[str, int]] = {}
    for kind, _, good, _ in rows:
        counted = by_kind.setdefault(kind, {"found": 0, "verified": 0})
        counted["found"] += 1
        counted["verified"] += good
    if arguments.json:
        figures = {
            f"{kind}_{name}": count for kind, counts in by_kind.items() for name, count in counts.items()
        }
        details = {name: extra for _, name, _, _, extra in lists}
        print(json.dumps({**figures, "master_lists": details, "rows": rows}))
    else:
        for kind, name, good, said in rows:
            print(f"{'ok ' if good else 'NOT'} {kind:<16} {name:<34} {said}")
        for kind, counts in by_kind.items():
            print(f"{kind}: {counts['verified']} of {counts['found']}")
    return 0 if all(good for _, _, good, _ in rows) else 1


def master_lists(
    data: Path, now: dt.datetime
) -> tuple[list[tuple[str, str, bool, str, dict[str, Any]]], TrustStore]:
    """Every list under whichever root beside it, into one store."""
    store, rows = TrustStore(), []
    roots = [path for path in sorted(data.glob("**/*.cer")) if "master" in str(path.parent)]
    anchors = [Anchor.from_bytes(path.read_bytes()) for path in roots]
    for path in sorted(data.glob("**/*.ml")):
        began = time.process_time()
        report = import_trust(store, path.read_bytes(), anchors, now=now)
        seconds = time.process_time() - began
        store = report.store
        extra = {
            "certificates": report.certificates,
            "accepted": report.accepted,
            "refused": len(report.refused),
            "countries": len(report.countries),
            "roles": dict(report.roles),
            "expired": report.expired,
            "cpu_seconds": round(seconds, 3),
        }
        taken = f"{report.accepted} of {report.certificates} accepted"
        said = f"{taken}, {len(report.countries)} states, {seconds:.2f} s"
        rows.append(("master_list", path.name, report.installed, said, extra))
    return rows, store


def security_objects(data: Path, store: TrustStore, now: dt.datetime) -> Iterator[Row]:
    for path in sorted([*data.glob("**/*_EF_SOD.*")]):
        local = store
        authority = path.with_name(path.name.split("_")[0] + "_CSCA.der")
        if authority.exists():
            anchor = Anchor.from_bytes(authority.read_bytes())
            local = import_trust(store, authority.read_bytes(), (anchor,), now=now).store
        began = time.process_time()
        findings = judge_chip(
            ChipFacts({"SOD": path.read_bytes()}, from_chip=False), local, Moment(now)
        ).findings
        seconds = time.process_time() - began
        told = {one.id: one for one in findings}
        signature, way = told["chip.sod_signature"], told["chip.certificate_path"]
        in_lists = judge_chip(
            ChipFacts({"SOD": path.read_bytes()}, from_chip=False), store, Moment(now)
        ).findings
        listed = next(one for one in in_lists if one.id == "chip.certificate_path")
        said = (
            f"{signature.reason} {signature.evidence.get('algorithm', '')}, path {way.reason}"
            f" (by the lists alone: {listed.reason}), {told['chip.signer_validity'].reason},"
            f" {1000 * seconds:.1f} ms"
        )
        yield "sod", path.name, signature.verdict == way.verdict == "PASS", said


def folders(data: Path, store: TrustStore, now: dt.datetime) -> Iterator[Row]:
    """Specimen chips: every listed hash that can be checked, and the signature."""
    for folder in sorted(path for path in data.glob("**/") if path.is_dir()):
        try:
            files = read_folder(folder)
        except CouldNot:
            continue  # samples side by side, not the files of one chip
        if "DG1" not in files or "SOD" not in files:
            continue
        findings = judge_chip(ChipFacts(files, from_chip=False), store, Moment(now)).findings
        told = {one.id.removeprefix("chip."): one for one in findings}
        hashes = {
            name.split(".")[-1]: one for name, one in told.items() if name.startswith("data_group_hash")
        }
        good = told["sod_signature"].verdict == "PASS" and all(
            one.verdict != "FAIL" for one in hashes.values()
        )
        said = ", ".join(f"{name} {one.reason}" for name, one in hashes.items())
        yield (
            "specimen",
            folder.name,
            good,
            f"signature {told['sod_signature'].reason}; {said}; path {told['certificate_path'].reason}",
        )


def portraits(data: Path) -> Iterator[Row]:
    for path in sorted(data.glob("dg2/*")):
        content = path.read_bytes()
        if path.suffix not in (".dat", ".bin"):
            continue
        wrapped = wrap_portrait(content)
        must = "Invalid" not in path.name
        try:
            face = extract_face_image(wrapped)
            decode_portrait(face.content)
        except (EmrtdError, PictureError) as error:
            yield "portrait", path.name, not must, f"refused: {error}"
            continue
        yield (
            "portrait",
            path.name,
            must,
            f"{face.kind.value}, {len(face.content)} bytes, {face.stated_width} x {face.stated_height}",
        )


def wrap_portrait(content: bytes) -> bytes:
    """A whole DG2 as it is; a bare biometric data block in the templates that DG2 puts around it."""
    if content.startswith(b"\x75"):
        return content
    if content.startswith(b"FAC"):
        block = tlv.encode(0x5F2E, content)
    elif content.startswith(b"\x7f\x2e"):
        block = content
    else:
        block = tlv.encode(0x7F2E, content)
    header = tlv.encode(0xA1, b"\x87\x02\x01\x01\x88\x02\x00\x08")
    return tlv.encode(0x75, tlv.encode(0x7F61, b"\x02\x01\x01" + tlv.encode(0x7F60, header + block)))


# Recorded sessions, as the JSON files of one open reader's tests have them


def sessions(data: Path) -> Iterator[Row]:
    readers: dict[str, Callable[[str, list[dict[str, Any]]], Row | None]] = {
        "chip_auth": chip_authentication_session,
        "active_auth": active_authentication_session,
        "pace__pace": pace_session,
    }
    for path in sorted(data.glob("**/*.json")):
        reader = next((read for part, read in readers.items() if part in path.name), None)
        if reader is None:
            continue
        for name, steps in json.loads(path.read_text())["tests"].items():
            row = reader(name, steps)
            if row is not None:
                yield row


def named(steps: list[dict[str, Any]], name: str) -> Any:
    found = next((step["hex"] for step in steps if str(step.get("name", "")).lower() == name.lower()), None)
    return (
        [bytes.fromhex(one) for one in found]
        if isinstance(found, list)
        else bytes.fromhex(found)
        if found
        else None
    )


def exchanges(steps: list[dict[str, Any]]) -> list[tuple[bytes, bytes]]:
    return [(bytes.fromhex(step["capdu"]), bytes.fromhex(step["rapdu"])) for step in steps if "capdu" in step]


def chip_authentication_session(name: str, steps: list[dict[str, Any]]) -> Row | None:
    """Our commands under the old keys bit by bit, the new keys, and the chip's proof under them."""
    dg14, secret, expected = named(steps, "dg14bytes"), named(steps, "TermPri"), named(steps, "smExp")
    recorded = exchanges(steps)
    if not (dg14 and secret and expected and recorded):
        return None
    ways = read_dg14(dg14).chip_authentication_ways()
    info, key = ways[0]
    run = ChipAuthentication(info, key, secret=int.from_bytes(secret))
    keys = [run.keys.key_enc, run.keys.key_mac] == expected
    old = named(steps, "sm")
    counter = next(bytes.fromhex(step["hex"][0]) for step in steps if step.get("name") == "err")
    session = SecureMessaging(make_cipher(cipher_of(old, counter), *old), counter)
    same = True
    for command, (sent, answered) in zip(run.commands(), recorded, strict=False):
        same = same and session.protect(command).encode() == sent
        same = same and session.unprotect(Response.decode(answered)).ok
    select = Command(0x00, 0xA4, 0x02, 0x0C, bytes.fromhex("010E"))
    first = run.first_command(select).encode() == recorded[-1][0]
    proof = run.proof(recorded[-1][1]).ok
    way = info.description + (" inferred" if info.inferred else "")
    said = f"{way}: keys {keys}, commands {same}, first {first}, proof {proof}"
    return "chip_auth", name, keys and same and first and proof, said


def cipher_of(keys: list[bytes], counter: bytes) -> Cipher:
    """3DES has a counter of eight bytes, AES one of sixteen."""
    return Cipher("3DES" if len(counter) == 8 else "AES", len(keys[0]))


def active_authentication_session(name: str, steps: list[dict[str, Any]]) -> Row | None:
    dg15, challenge = named(steps, "dg15bytes"), named(steps, "callerChallenge") or named(steps, "Nonce")
    signature, recorded = named(steps, "Signature"), exchanges(steps)
    if not (dg15 and challenge):
        return None
    if recorded:
        counter = next(bytes.fromhex(step["hex"][0]) for step in steps if step.get("name") == "err")
        keys = named(steps, "sm")
        session = SecureMessaging(make_cipher(cipher_of(keys, counter), *keys), counter)
        same = session.protect(Command(0x00, 0x88, 0, 0, challenge, 256)).encode() == recorded[0][0]
        signature = session.unprotect(Response.decode(recorded[0][1])).data
    else:
        same = True
    if not signature:
        return None
    key = read_dg15(dg15)
    good = proves(key, challenge, signature)
    return "active_auth", name, good and same, f"{key.description}: signature {good}, command {same}"


def pace_session(name: str, steps: list[dict[str, Any]]) -> Row | None:
    """Without the password: the tokens under the recorded keys, and the mapping against EF.CardSecurity."""
    expected, recorded = named(steps, "smExp"), exchanges(steps)
    if not expected or len(recorded) < 5:
        return None
    objects = {one.tag: one.value for one in tlv.decode(recorded[0][0][5 : 5 + recorded[0][0][4]])}
    info = PaceInfo(der.dotted(objects[0x80]), 2, objects[0x84][0])
    group = STANDARDISED[objects[0x84][0]]
    cipher = make_cipher(info.cipher, *expected)

    def inside(at: int, side: int, tag: int) -> bytes:
        message = recorded[at][side]
        content = Command.decode(message).data if side == 0 else Response.decode(message).data
        return tlv.decode_one(content, 0x7C).child(tag).value

    ours = cipher.token(public_key_object(info.oid, group, inside(3, 1, 0x84))) == inside(4, 0, 0x85)
    theirs = cipher.token(public_key_object(info.oid, group, inside(3, 0, 0x83))) == inside(4, 1, 0x86)
    said, good = f"{info.description}: tokens {ours} {theirs}", ours and theirs
    if info.mapping == "CAM":
        assert isinstance(cipher, AesCipher)
        chip_data = unpad(decrypt_chip_data(cipher, inside(4, 1, 0x8A)), 16) or b""
        content = card_security(SecureMessaging(cipher, bytes(16)), recorded[5:])
        mapping = ChipMappingFacts(group.name, inside(2, 1, 0x82), chip_data)
        mapped = maps(content, mapping)
        said, good = (
            f"{said}, mapping {mapped} with a key of EF.CardSecurity ({len(content)} bytes)",
            good and mapped,
        )
    return "pace", name, good, said


def card_security(session: SecureMessaging, recorded: list[tuple[bytes, bytes]]) -> bytes:
    """What the recorded READ BINARY commands brought."""
    content = bytearray()
    for sent, answered in recorded:
        session.protect(Command(0x00, sent[1], sent[2], sent[3]))
        data = session.unprotect(Response.decode(answered)).data
        offset = sent[2] << 8 | sent[3]
        if sent[1] == 0xB0 and not sent[2] & 0x80:
            content[offset:] = data
    return bytes(content)


def maps(content: bytes, mapping: ChipMappingFacts) -> bool:
    """The judgement's own arithmetic, with the keys of this file taken as they are."""
    from appliance.travel_document.authentication import proofs

    infos = read_security_infos(der.parse(parse_signed_data(content).content))
    assert judge_chip_mapping
    return any(proofs._maps(mapping, key) for key in proofs._ec_keys(infos))


if __name__ == "__main__":
    sys.exit(main())
