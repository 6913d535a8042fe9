"""What support sees of a box: bounded, and nothing that could be a traveller's."""

import asyncio
import json

import pytest

from appliance.config import Config, parse_toml
from appliance.services.agent import diagnostics
from appliance.services.agent.diagnostics import blanked, bundle, configuration, parsed

CONFIG = """
[box]
device = "post-7-lane-1"
post = "North"
[central]
sealing_key = "/etc/borne/central/sealing.pub"
watermark_key = "/etc/borne/central/watermark.pub"
[broker]
host = "broker.example.org"
ca = "/etc/borne/tls/ca.pem"
certificate = "/etc/borne/tls/box.pem"
key = "/etc/borne/tls/box.key"
[[device]]
kind = "camera"
driver = "v4l2"
options = { password = "hunter2" }
"""


@pytest.mark.parametrize(
    "text",
    [
        "document L898902C36 was read",
        "P<UTOERIKSSON<<ANNA<MARIA<<<<",
        "no match for 'Anna Maria Eriksson'",
        'no match for "Eriksson"',
        "born 12.08.1974",
        "born 1974-08-12",
        "born 19740812",
        "hit on ERIKSSON ANNA MARIA",
        "ERIKSSON, ANNA waits",
    ],
)
def test_ok_what_could_be_a_traveller_s_is_blanked(text) -> None:
    said = blanked(text)
    assert "[...]" in said
    for word in ("L898902C36", "ERIKSSON", "Eriksson", "1974", "19740812", "ANNA"):
        assert word not in said


def test_ok_what_services_say_stays_readable() -> None:
    text = "The connection to the broker was lost. uplink starts, sockets in /run/borne; retry in 12.5 s"
    assert blanked(text) == text
    assert len(blanked("x" * 5000)) == diagnostics.MAX_LINE


def test_ok_the_system_s_journal_as_it_speaks_and_rubbish_in_it() -> None:
    good = {"MESSAGE": "borne: document 12345678", "_SYSTEMD_UNIT": "borne-lane.service", "PRIORITY": "4"}
    lines = [json.dumps(good), "{", "[1]", '{"MESSAGE": [1, 2]}', "[" * 100_000]
    (one,) = parsed("\n".join(lines).encode())
    assert one == {
        "at": "",
        "unit": "borne-lane.service",
        "priority": "4",
        "message": "borne: document [...]",
    }


def test_ok_the_configuration_without_keys_and_options() -> None:
    told = configuration(parse_toml(CONFIG, Config, name="x"))
    text = json.dumps(told)
    assert told["device"] == [{"kind": "camera", "driver": "v4l2", "use": "portrait"}]
    assert told["broker"] == {"host": "broker.example.org", "port": 8883}
    assert "hunter2" not in text
    assert "/etc/borne" not in text


def test_ok_bounded_the_oldest_lines_give_way() -> None:
    lines = [{"message": "x" * 280, "number": number} for number in range(3000)]
    data = bundle({"box": 1}, {"box": 2}, journal=lambda: list(lines))
    assert len(data) <= diagnostics.MAX_BUNDLE_BYTES
    told = json.loads(data)
    assert (told["health"], told["configuration"]) == ({"box": 1}, {"box": 2})
    assert told["journal"][-1]["number"] == 2999
    assert 100 < len(told["journal"]) < 3000


def test_ok_where_the_system_s_journal_cannot_be_read_it_is_said(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "cannot be read" in diagnostics.journal_lines()[0]["message"]


def test_ok_agent_tells_once_at_the_beginning_and_not_each_round() -> None:
    from types import SimpleNamespace

    from appliance.contracts.lane import Installed, SupportState
    from appliance.services.agent.service import AgentService

    told = []

    class Lane:
        support = None

        async def status(self, _):
            return SimpleNamespace(support=self.support)

        async def diagnostics(self, request):
            told.append(request)
            return Installed(accepted=True, sentence="")

    lane = Lane()
    agent = AgentService.__new__(AgentService)
    agent._lane, agent._support_due = lane, ("", 0.0)
    agent._bundle = lambda report: json.dumps(report).encode()

    async def report():
        return {"box": 1}

    agent.report = report
    asyncio.run(agent._support())
    assert told == []
    lane.support = SupportState(request="support-1", until="2026-11-26T20:00+00:00")
    for _ in range(3):
        asyncio.run(agent._support())
    assert [(one.request, one.bundle) for one in told] == [("support-1", b'{"box": 1}')]
    lane.support = SupportState(request="support-2", until="2026-11-26T20:00+00:00")
    asyncio.run(agent._support())
    assert len(told) == 2


def test_ok_what_systemd_says_of_a_service_stands_under_its_name() -> None:
    said = {"MESSAGE": "Started.", "_SYSTEMD_UNIT": "init.scope", "UNIT": "borne-lane.service"}
    assert [one["unit"] for one in parsed(json.dumps(said).encode())] == ["borne-lane.service"]
