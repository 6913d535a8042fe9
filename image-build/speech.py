#!/usr/bin/env python3
"""Speaks the traveller's words: every `guide.*` of every catalogue as Opus, beside the page that plays them.

    .venv/bin/python image-build/speech.py

Needs Debian's espeak-ng and opus-tools. The voice is a machine's: a person's recording of the same name may
take any file's place. Run it again when a word changes; a test compares the digests of the words.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from appliance.services.lane.kiosk.traveller import SPEECH, spoken_text
from appliance.services.lane.kiosk.words import GUIDE, load_words

VOICES = {
    "en": "en-gb",
    "fr": "fr-fr",
    "ru": "ru",
    "ky": "ky",
    "ar": "ar",
    "es": "es",
    "pt": "pt",
    "prs": "fa",  # Iran's Persian: the engine has no Dari
}
"""The engine has no Pashto (1.51, 1.52 of Debian): there the pictures and the words stand alone."""
WORDS_A_MINUTE = 170
BITRATE = "16"
"""Kilobits a second: speech, not music."""


def speak(text: str, voice: str, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "said.wav"
        subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(WORDS_A_MINUTE), "-w", str(wave), text], check=True
        )
        subprocess.run(
            [
                "opusenc",
                "--quiet",
                "--downmix-mono",
                "--bitrate",
                BITRATE,
                "--serial",
                "1",
                str(wave),
                str(out),
            ],
            check=True,
        )


def main() -> None:
    spoken = json.loads((SPEECH / "words.json").read_text("utf-8"))
    digests: dict[str, str] = {}
    for language, voice in VOICES.items():
        words = load_words(language)
        (SPEECH / language).mkdir(parents=True, exist_ok=True)
        for code in GUIDE:
            text = spoken_text(code, words)
            out, digest = SPEECH / language / f"{code}.opus", hashlib.sha256(text.encode()).hexdigest()[:16]
            if spoken.get(f"{language}/{code}") != digest or not out.is_file():  # a person's recording stays
                speak(text, voice, out)
            digests[f"{language}/{code}"] = digest
    (SPEECH / "words.json").write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
