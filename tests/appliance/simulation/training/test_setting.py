"""The training post has no network, and refuses a box that serves travellers."""

import datetime as dt
from pathlib import Path

import pytest

from appliance.config import load_config
from appliance.records.history import History
from appliance.services.lane.policy import load_policy
from appliance.simulation.training.script import load_book
from appliance.simulation.training.session import devices
from appliance.simulation.training.setting import NotHere, Setting, refuse_on_a_real_box

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "content", ['[box]\nprofile = "production"\n', '[box]\ndevice = "b"\n', "", "not TOML [", "box = 3"]
)
def test_fail__on_a_provisioned_box(tmp_path: Path, content: str) -> None:
    installed = tmp_path / "borne.toml"
    installed.write_text(content)
    with pytest.raises(NotHere, match="another machine"):
        refuse_on_a_real_box(installed)


def test_ok__on_a_pc_and_on_a_box_set_up_for_training(tmp_path: Path) -> None:
    installed = tmp_path / "borne.toml"
    refuse_on_a_real_box(installed)
    installed.write_text('[box]\nprofile = "training"\n')
    refuse_on_a_real_box(installed)


def test_ok__no_broker_and_no_gateway_are_configured(tmp_path: Path) -> None:
    setting = Setting(tmp_path, load_book(), now=NOW)
    path = setting.write_configuration(devices(realistic=False), port=0, language="en", hurried=True)
    config = load_config(path)
    assert config.broker is None
    assert config.post is None
    assert config.central.gateway_sealing_key is None
    assert config.box.profile.value == "training"
    assert all(entry.driver == "simulated" for entry in config.device)
    assert str(config.paths.data).startswith(str(tmp_path)), "nothing is kept outside the session's folder"
    assert len(tuple(setting.packages())) == 4


@pytest.mark.parametrize(("notice", "seconds"), [(None, 7), (0, 0), (12, 12)])
def test_ok__the_notice_takes_as_long_as_the_policy_or_the_trainer_says(tmp_path, notice, seconds) -> None:
    setting = Setting(tmp_path, load_book(), now=NOW)
    setting.write_configuration(devices(realistic=False), port=0, language="en", hurried=False, notice=notice)
    assert load_policy(tmp_path / "policy.toml").pace.notice_seconds == seconds


def test_fail__the_other_half_of_central_s_key_is_nowhere(tmp_path: Path) -> None:
    Setting(tmp_path, load_book(), now=NOW)
    assert sorted(path.name for path in (tmp_path / "central").glob("*.*")) == [
        "reference-root.json",
        "sealing.pub",
        "watermark.pub",
    ]


def test_ok__the_box_remembers_the_earlier_crossings_of_the_scripts_and_no_others(tmp_path: Path) -> None:
    book = load_book()
    setting = Setting(tmp_path, book, now=NOW)
    setting.remember_passages()
    history = History.open(tmp_path / "data" / "history.db", storage=setting.keys.storage)
    try:
        for one in book.traveller:
            document = book.document(one)
            assert document is not None
            found = history.search(
                issuing_state=document.issuer, document_number=document.number, purpose="test", now=NOW
            )
            days = {
                (passage.direction, (NOW - dt.datetime.fromisoformat(passage.at)).days) for passage in found
            }
            assert days == {(passage.direction.value, passage.days_ago) for passage in one.passage}
    finally:
        history.close()
