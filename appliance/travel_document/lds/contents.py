"""What is in a chip's files, described for people and for JSON: sizes and kinds of pictures, never the
pictures."""

from collections.abc import Callable, Mapping
from typing import Any

from appliance.travel_document.data_groups import mrz_from_dg1
from appliance.travel_document.errors import MrzError
from appliance.travel_document.lds.com import read_com
from appliance.travel_document.lds.details import (
    Details,
    read_dg7,
    read_dg11,
    read_dg12,
    read_dg13,
    read_dg16,
)
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.face_image import extract_face_image
from appliance.travel_document.lds.security_infos import SecurityInfos, read_card_access, read_dg14


def describe(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Every file that is understood, and of those that are not why."""
    described: dict[str, dict[str, Any]] = {}
    for name, describe_one in _DESCRIBERS.items():
        content = files.get(name)
        if content is None:
            continue
        try:
            described[name] = describe_one(content)
        except (EmrtdError, MrzError) as error:
            described[name] = {"problem": str(error)}
    return described


def unreadable(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files whose content cannot be understood, with the reason."""
    return {name: content["problem"] for name, content in describe(files).items() if "problem" in content}


def _com(content: bytes) -> dict[str, Any]:
    com = read_com(content)
    return {
        "lds_version": com.lds_version,
        "unicode_version": com.unicode_version,
        "tags": [f"{tag:02X}" for tag in com.tags],
        "data_groups": list(com.names),
    }


def _dg1(content: bytes) -> dict[str, Any]:
    return {"lines": list(mrz_from_dg1(content))}


def _dg2(content: bytes) -> dict[str, Any]:
    face = extract_face_image(content)
    return {
        "kind": face.kind.value,
        "bytes": len(face.content),
        "stated_width": face.stated_width,
        "stated_height": face.stated_height,
        "faces": face.faces,
    }


def _details(details: Details) -> dict[str, Any]:
    described: dict[str, Any] = {
        name: values[0] if len(values) == 1 else list(values) for name, values in details.fields.items()
    }
    if details.images:
        described["pictures"] = {name: len(image) for name, image in details.images.items()}
    if details.unknown:
        described["unknown"] = {f"{tag:X}": value.hex() for tag, value in details.unknown.items()}
    return described


def _infos(infos: SecurityInfos) -> dict[str, Any]:
    return {
        "pace": [
            {"protocol": info.description, "parameters": info.parameter_id, "version": info.version}
            for info in infos.pace
        ],
        "chip_authentication": [
            {"protocol": info.description, "key_id": info.key_id} for info in infos.chip_authentication
        ],
        "chip_authentication_keys": [one.key.description for one in infos.chip_authentication_keys],
        "terminal_authentication": infos.terminal_authentication,
        "unknown": [raw.hex() for raw in infos.unknown],
        "unread": infos.unread,
    }


def _dg15(content: bytes) -> dict[str, Any]:
    from appliance.travel_document.authentication.active import read_dg15

    return {"key": read_dg15(content).description}


_DESCRIBERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "CardAccess": lambda content: _infos(read_card_access(content)),
    "COM": _com,
    "DG1": _dg1,
    "DG2": _dg2,
    "DG7": lambda content: {"pictures": [len(image) for image in read_dg7(content)]},
    "DG11": lambda content: _details(read_dg11(content)),
    "DG12": lambda content: _details(read_dg12(content)),
    "DG13": lambda content: {"raw": read_dg13(content).hex()},
    "DG14": lambda content: _infos(read_dg14(content)),
    "DG15": _dg15,
    "DG16": lambda content: {"persons": [_details(person) for person in read_dg16(content)]},
}
