"""Seals of invented documents, signed by our own test authority, and their barcodes."""

import datetime as dt
import io

import numpy as np
import zxingcpp
from PIL import Image

from appliance.simulation.chip.authority import Authority, Holder, authority_of
from appliance.travel_document.seal.c40 import encode_c40
from appliance.travel_document.seal.seal import MAGIC, SIGNATURE_TAG, VERSION_3, VERSION_4, VISA

SIGNER_NAME = "TS"
SERIAL = 0x32


def seal_signer(authority: Authority | None = None, **settings: object) -> Holder:
    """The test authority's signer of seals."""
    authority = authority or authority_of("UTO")
    return authority.signer(serial=SERIAL, common_name=SIGNER_NAME, **settings)  # type: ignore[arg-type]


def build_seal(
    lines: tuple[str, ...],
    *,
    signer: Holder | None = None,
    version: int = 4,
    definition: int = VISA,
    tag: int = 0x01,
    kept: tuple[int, int] = (44, 28),
    issued: dt.date = dt.date(2026, 10, 1),
    signature: bytes | None = None,
) -> bytes:
    """A seal over these lines of an MRZ; `signature` in place of the right one."""
    signer = signer or seal_signer()
    country = signer.certificate.issuer.country
    reference = f"{signer.certificate.serial:05X}"
    if version == 4:
        who = encode_c40(f"{country}{SIGNER_NAME}{len(reference):02X}") + encode_c40(reference.ljust(6))
        form = VERSION_4
    else:
        who, form = encode_c40(f"{country}{SIGNER_NAME}{reference}"), VERSION_3
    date = (issued.month * 1_000_000 + issued.day * 10_000 + issued.year).to_bytes(3)
    content = encode_c40("".join(line[:length] for line, length in zip(lines, kept, strict=True)))
    body = bytes((MAGIC, form)) + encode_c40("UTO") + who + date + date + bytes((definition, 0x01))
    body += bytes((tag, len(content))) + content
    made = signer.signing.sign_plain(body) if signature is None else signature
    length = bytes((len(made),)) if len(made) < 128 else bytes((0x81, len(made)))
    return body + bytes((SIGNATURE_TAG,)) + length + made


def draw_seal(seal: bytes, *, module: int = 4) -> bytes:
    """The seal's Data Matrix as a PNG on white paper."""
    barcode = zxingcpp.create_barcode(seal, zxingcpp.BarcodeFormat.DataMatrix)
    pixels = np.asarray(zxingcpp.write_barcode_to_image(barcode, scale=module), dtype=np.uint8)
    paper = Image.new("L", (pixels.shape[1] + 80, pixels.shape[0] + 80), 255)
    paper.paste(Image.fromarray(pixels), (40, 40))
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()
