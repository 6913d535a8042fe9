"""The engineer's page: its two programs run against a real broker and a real journal, as it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from central_common import DOCUMENT, STAMP
from msgspec.structs import replace
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey
from test_backup import Line
from test_receiver import access, until

import central
from appliance.contracts import wire
from appliance.report_signature import sign_report

WIRE = Path(central.__file__).parents[1] / "docs" / "wire"
NODE_PACKAGES = ("mqtt", "cbor", "tweetnacl")
# Debian's packages lie there; a Node that is not Debian's has to be told.
ENVIRONMENT = os.environ | {
    "PYTHONUNBUFFERED": "1",
    "NODE_PATH": os.pathsep.join(filter(None, (os.environ.get("NODE_PATH"), "/usr/share/nodejs"))),
}


def command_of(language: str) -> list[str]:
    """How it is started; skips where its packages are not: `make setup` installs them."""
    if language == "python":
        return [sys.executable, str(WIRE / "receive.py")]
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    asked = [node, "-e", f"{list(NODE_PACKAGES)}.forEach((name) => require.resolve(name))"]
    if subprocess.run(asked, cwd=WIRE, env=ENVIRONMENT, capture_output=True, check=False).returncode:
        pytest.skip(f"not all of Node's packages are here: {', '.join(NODE_PACKAGES)}")
    return [node, str(WIRE / "receive.js")]


def papers(folder: Path, keys_folder: Path, broker, box) -> None:
    """What the page tells the engineer to have: four keys, three certificates."""
    folder.mkdir()
    at = access(broker)
    for source, name in (
        (box.folder / "keys" / "signing.pub", "box.pub"),
        (keys_folder / "sealing.key", "sealing.key"),
        (keys_folder / "watermark.key", "watermark.key"),
        (at.ca, "ca.pem"),
        (at.certificate, "central.pem"),
        (at.key, "central-tls.key"),
    ):
        shutil.copy(source, folder / name)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_ok__it_receives_verifies_decodes_and_acknowledges(
    broker, keys, make_box, tmp_path, language
) -> None:
    command = command_of(language)
    box, other = make_box("box-1"), make_box("box-2")
    folder = tmp_path / "papers"
    papers(folder, tmp_path / "central-keys", broker, box)
    at = access(broker)
    program = subprocess.Popen(
        [*command, at.host, str(at.port), str(folder), "box-1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
    )
    line = Line(broker, box)
    try:
        for number in range(25):
            box.cross(f"c{number}", document=replace(DOCUMENT, primary_identifier=f"N{number}"))
        until(lambda: box.journal.status().unsent == 0)
        # What is not box-1's is refused, and does not stop it.
        forged = [other.cross("forged"), b"garbage", box.envelopes()[0][:-1]]
        line._client.publish(wire.topic("box-1", "records"), wire.pack(forged), qos=1).wait_for_publish(5)
        box.journal.commit("retention/1", "retention", {"removed": 0}, STAMP)  # other types come too
        box.cross("after")
        until(lambda: box.journal.status().unsent == 0)
    finally:
        line.close()
        program.terminate()
        said, _ = program.communicate(timeout=20)
    kept = (folder / "records.log").read_text().splitlines()
    wanted = [f"{number + 1} movement c{number}" for number in range(25)]
    nothing = "None" if language == "python" else "undefined"
    assert kept == [*wanted, f"26 retention {nothing}", "27 movement after"]
    assert said.count("refused:") == 3, said


def test_ok__the_page_shows_the_programs_that_were_run() -> None:
    page = (WIRE / "engineer.md").read_text("utf-8")
    for language, file in (("python", "receive.py"), ("javascript", "receive.js")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        assert block == (WIRE / file).read_text("utf-8"), file


@pytest.mark.parametrize("file", ["receive.py", "receive.js"])
def test_ok__they_are_as_short_as_the_page_says(file: str) -> None:
    """Lines of code: without blank ones, imports and lone brackets."""
    text = (WIRE / file).read_text("utf-8")
    text = re.sub(r"^(import|from) .*?$|^const .* = require\(.*?$", "", text, flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if re.search(r"\w", line)]
    assert len(lines) <= 32
    assert all(len(line) <= 120 for line in lines)
    assert f"{len(lines)} lines" in (WIRE / "engineer.md").read_text("utf-8")


def test_ok__the_page_s_three_lines_verify_a_report() -> None:
    """As a box signs it; and they fail where they must."""
    (lines,) = re.findall(r"```py\n(.*?)```", (WIRE / "engineer.md").read_text("utf-8"), re.DOTALL)
    box, topic, payload = SigningKey(bytes(range(32))), "borne/v1/box-1/telemetry", b'{"version":"1"}'
    user = sign_report(topic, payload, counter=1_700_000_000_000, key=box)
    message = SimpleNamespace(
        topic=topic, payload=payload, properties=SimpleNamespace(UserProperty=list(user))
    )
    exec(lines, {"message": message, "verifier": box.verify_key})
    message.payload = b'{"version":"2"}'
    with pytest.raises(BadSignatureError):
        exec(lines, {"message": message, "verifier": box.verify_key})
