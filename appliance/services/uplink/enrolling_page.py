"""What the screen of a box without a name shows of its asking by network: a small page inside the first one.

The French is a draft until a technician has read it.
"""

import html
from typing import Final

from appliance.contracts.provisioning import DoorWord

REFRESH_SECONDS: Final = 5
ALARM: Final = "token_used"
WORDS: Final = {
    "en": {
        "offline": "By network: central's door is not reached. The box goes on trying.",
        "busy": "By network: central is busy. The box goes on trying.",
        "waiting": "By network: central has the request. Read them the sixteen letters and digits.",
        "answered": "By network: central has answered. The box starts again by itself.",
        "token_used": "STOP. Another box has used this claim. If it is not yours, call central now.",
        "refused": "By network: central refuses. Ask for a new claim.",
    },
    "fr": {
        "offline": "Par le réseau : le centre n'est pas joint. La borne continue d'essayer.",
        "busy": "Par le réseau : le centre est occupé. La borne continue d'essayer.",
        "waiting": "Par le réseau : le centre a la demande. Lisez-lui les seize lettres et chiffres.",
        "answered": "Par le réseau : le centre a répondu. La borne redémarre d'elle-même.",
        "token_used": "STOP. Une autre borne a utilisé ce droit. Pas la vôtre ? Appelez le centre.",
        "refused": "Par le réseau : le centre refuse. Demandez un nouveau droit.",
    },
}
STYLE: Final = """
body { margin: 0; font: 3.5vw/1.25 "DejaVu Sans", sans-serif; background: #eee; color: #111 }
p { margin: .4em .6em } .alarm { background: #8b0000; color: #fff; font-weight: bold }
"""


def enrolling_page(word: DoorWord) -> str:
    """The whole page as HTML, which loads itself anew."""
    lines = "".join(
        f'<p lang="{language}">{html.escape(words.get(word.code, words["refused"]))}</p>'
        for language, words in WORDS.items()
    )
    alarm = ' class="alarm"' if word.code == ALARM else ""
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{refresh}<title>Borne</title>'
        f"<style>{STYLE}</style><body{alarm}>{lines}</body></html>\n"
    )
