"""What the box's screen shows before the box has a name: where provisioning stands, what to do now, and the
request as a QR code, so that a telephone carries it to central where the card cannot be taken to a laptop.

A page of its own, without a service behind it: a file that the screen's browser opens. English and French;
the French is a draft until a technician has read it.
"""

import base64
import html
from typing import Final

import msgspec
import zxingcpp

from appliance.contracts.post_joining import PostReport
from appliance.contracts.provisioning import Request, fingerprint

MAX_QR_BYTES: Final = 2900
"""ISO/IEC 18004, version 40 at level L: 2,953 bytes. A request has about a thousand."""
WORDS: Final = {
    "en": {
        "title": "This box has no name yet",
        "asked": "Central must answer",
        "fingerprint": "Read this to central when they ask for it",
        "qr": "The request: photograph it, or take request.json",
        "post": "For the post's authority",
        "asked_1": "Send the request to central: the picture of this code, or request.json from the card.",
        "asked_2": "Central asks for the sixteen letters and digits: read them from this screen.",
        "asked_3": "The answer (answer.cose) comes on a stick named BORNE, or onto the card, switched off.",
        "by_network": "The request goes to central by itself. Central asks for the sixteen letters and "
        "digits: read them from this screen. Without a line: the picture of this code to central, the "
        "answer on a stick.",
        "no_device_file": "Put device.toml onto the card's first partition, and start the box again.",
        "bad_device_file": "Mend device.toml as it says here, and start the box again.",
        "no_keys": "Start the box again: its keys were not ready yet.",
        "no_key_store": "This board has not what device.toml wants for its keys: [protection].",
        "token_used": "STOP. Another box has used this claim. If it is not yours, call central now.",
        "token_over": "The claim is over: ask central for a new one, put it into device.toml.",
        "unknown_token": "Central knows no such claim: ask for a new one, put it into device.toml.",
        "other_name": "The claim is for another name: ask for a new one, put it into device.toml.",
        "not_a_request": "Central cannot use the request: call central.",
        "foreign_answer": "Another central signed the answer: ask yours for it again.",
        "bad_answer": "The answer was damaged on its way: copy it onto the card again.",
        "other_box": "The answer is for another box, or for this box's keys of before. Ask again.",
    },
    "fr": {
        "title": "Cette borne n'a pas encore de nom",
        "asked": "Le centre doit répondre",
        "fingerprint": "À lire au centre quand il le demande",
        "qr": "La demande : photographiez-la, ou prenez request.json",
        "post": "Pour l'autorité du poste",
        "asked_1": "Envoyez la demande au centre : la photo de ce code, ou request.json de la carte.",
        "asked_2": "Le centre demande les seize lettres et chiffres : lisez-les sur cet écran.",
        "asked_3": "La réponse (answer.cose) vient sur une clé USB nommée BORNE, ou sur la carte (éteinte).",
        "by_network": "La demande part d'elle-même. Le centre demande les seize lettres et chiffres : "
        "lisez-les sur cet écran. Sans réseau : la photo de ce code au centre, la réponse sur une clé USB.",
        "no_device_file": "Mettez device.toml sur la première partition de la carte, puis redémarrez.",
        "bad_device_file": "Corrigez device.toml comme indiqué ici, puis redémarrez.",
        "no_keys": "Redémarrez : les clés n'étaient pas prêtes.",
        "no_key_store": "La carte n'a pas ce que device.toml veut pour les clés : [protection].",
        "token_used": "STOP. Une autre borne a utilisé ce droit. Pas la vôtre ? Appelez le centre.",
        "token_over": "Le droit est expiré : demandez-en un autre au centre, mettez-le dans device.toml.",
        "unknown_token": "Le centre ne connaît pas ce droit : demandez-en un autre pour device.toml.",
        "other_name": "Le droit est pour un autre nom : demandez-en un autre pour device.toml.",
        "not_a_request": "Le centre ne peut pas utiliser la demande : appelez-le.",
        "foreign_answer": "Un autre centre a signé la réponse : redemandez-la au vôtre.",
        "bad_answer": "La réponse est abîmée : copiez-la de nouveau sur la carte.",
        "other_box": "La réponse est pour une autre borne, ou pour d'anciennes clés. Redemandez.",
    },
}
STYLE: Final = """
body { margin: 0; padding: 2vw; font: 1.9vw/1.3 "DejaVu Sans", sans-serif; background: #fff; color: #111 }
main { display: flex; gap: 3vw } section { flex: 1 } h1 { font-size: 2.4vw; margin: 0 0 1vw }
h1 + p { margin: 0 } figure { margin: 0; width: 38vw; text-align: center; font-size: 1.4vw }
img { width: 38vw; image-rendering: pixelated } ol { padding-left: 1.4em; margin: .8em 0 }
.said { background: #eee; padding: 1vw; font-family: "DejaVu Sans Mono", monospace; font-size: 1.7vw }
.code { white-space: nowrap; font: bold 3.1vw "DejaVu Sans Mono", monospace; margin: .5vw 0 }
iframe { border: 0; width: 100%; height: 14vw; margin-bottom: 1vw }
.post { position: fixed; bottom: .5vw; left: 2vw; margin: 0; border-top: 1px solid #999; font-size: 1.2vw }
.post b { white-space: nowrap; font: bold 1.6vw "DejaVu Sans Mono", monospace }
div[lang=fr] { border-top: 1px solid #999; margin-top: 1.2vw; padding-top: 1.2vw }
"""


def first_page(
    code: str,
    sentence: str,
    request: Request | None,
    *,
    by_network: str = "",
    post: PostReport | None = None,
) -> str:
    """The whole page as HTML.

    `code` and `sentence`: where provisioning stands; `request`: what is asked of central, when it is;
    `by_network`: the address of uplink's small page on how the asking by network stands, where it asks;
    `post`: what is asked of the post's authority, whose letters are read from here too.
    """
    asks = code == "asked" and request is not None
    blocks = "".join(_block(language, code, asks=asks, by_network=bool(by_network)) for language in WORDS)
    said = "" if asks else f'<p class="said">{html.escape(f"{code}: {sentence}")}</p>'
    shown = _figure(request) if asks and request is not None else ""
    if asks and by_network:
        said = f'<iframe title="network" src="{html.escape(by_network)}"></iframe>'
    return (
        f'<!doctype html><meta charset="utf-8"><title>Borne</title><style>{STYLE}</style>'
        f"<main><section>{said}{blocks}{_post(post)}</section>{shown}</main>\n"
    )


def _post(report: PostReport | None) -> str:
    if report is None or not report.letters:
        return ""
    whom = " / ".join(words["post"] for words in WORDS.values())
    said = html.escape(f"{whom}: {report.device}.post-request.json")
    return f'<p class="post">{said}<br><b>{html.escape(report.letters)}</b></p>'


def _block(language: str, code: str, *, asks: bool, by_network: bool) -> str:
    words = WORDS[language]
    if asks and by_network:
        what = f"<p>{html.escape(words['by_network'])}</p>"
    elif asks:
        steps = "".join(f"<li>{html.escape(words[f'asked_{number}'])}</li>" for number in (1, 2, 3))
        what = f"<p>{html.escape(words['asked'])}</p><ol>{steps}</ol>"
    else:
        what = f"<p>{html.escape(words.get(code, ''))}</p>"
    return f'<div lang="{language}"><h1>{html.escape(words["title"])}</h1>{what}</div>'


def _figure(request: Request) -> str:
    captions = "<br>".join(html.escape(words["fingerprint"]) for words in WORDS.values())
    below = "<br>".join(html.escape(words["qr"]) for words in WORDS.values())
    letters = html.escape(fingerprint(request))
    return f'<figure>{captions}<p class="code">{letters}</p>{_qr(request)}<br>{below}</figure>'


def _qr(request: Request) -> str:
    """The request's JSON as a QR code; nothing where it is too long for one."""
    text = msgspec.json.encode(request)
    if len(text) > MAX_QR_BYTES:
        return ""
    drawn = zxingcpp.create_barcode(text.decode(), zxingcpp.BarcodeFormat.QRCode, ec_level="L").to_svg()
    return f'<img alt="QR" src="data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}">'
