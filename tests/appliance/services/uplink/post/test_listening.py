"""What listens: nothing on a box that is no hub, one address on a hub. The kernel is asked, not our code."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from post_scripted import HUB, ScriptedPost

from appliance.config import load_config
from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.post import FetchOpen, PostClient, PublishItem
from appliance.wiring import CannotStart, make_post

LISTEN = "0A"


def listening(pid: int) -> list[str]:
    """Local addresses, as hexadecimal address:port, of this process's listening TCP and bound UDP sockets."""
    sockets = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            continue
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            own = f"socket:[{fields[9]}]" in sockets
            if own and (fields[3] == LISTEN or (table.startswith("udp") and fields[2].endswith(":0000"))):
                found.append(fields[1])
    return found


def configuration(
    post: ScriptedPost, device: str, *, with_post: bool = True, address: str = "127.0.0.1"
) -> Path:
    folder = post.folder / device
    folder.mkdir(parents=True, exist_ok=True)
    tls = post.boxes[device].certificates
    text = (
        f'[box]\ndevice = "{device}"\npost = "p"\nclock = "host"\n'
        f'[paths]\ndata = "{folder}"\nkeys = "{folder}"\nrun = "{folder}/run"\n'
        f'[central]\nsealing_key = "{folder}/s.pub"\nwatermark_key = "{folder}/w.pub"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = 1\nca = "{tls.ca}"\n'
        f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
    )
    if with_post:
        text += (
            f'[post]\nhub = "{HUB}"\naddress = "{address}"\nport = {post.port}\nca = "{tls.ca}"\n'
            f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
            f'members = "{post.members}"\ndata = "{folder}"\n'
        )
    file = folder / "borne.toml"
    file.write_text(text)
    return file


class Uplink:
    """`borne run uplink` as systemd starts it; its broker does not answer: the uplink is cut."""

    def __init__(self, config: Path) -> None:
        self.socket = load_config(config).paths.run / "uplink.sock"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "run", "uplink", "--config", str(config)]
        )

    def __enter__(self) -> "Uplink":
        deadline = time.monotonic() + 30
        while not self.socket.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def test_ok_a_box_that_stands_alone_listens_nowhere(post: ScriptedPost) -> None:
    with Uplink(configuration(post, "lane-2", with_post=False)) as uplink:
        time.sleep(0.5)  # also not after its first tries to reach the broker
        assert listening(uplink.process.pid) == []


def test_ok_of_a_post_the_hub_alone_listens_on_its_address_and_lanes_talk_with_the_uplink_cut(
    post: ScriptedPost,
) -> None:
    async def talk(hub: Uplink, member: Uplink) -> None:
        ours, theirs = PostClient(member.socket), PostClient(hub.socket)
        try:
            async with asyncio.timeout(30):
                while not (await ours.post_state(Nothing())).reachable:
                    await asyncio.sleep(0.05)
                data, _ = post.boxes["lane-2"].seal()
                assert (await ours.publish_item(PublishItem(data=data))).taken
                while not (await theirs.fetch_open(FetchOpen(kind="case"))).items:
                    await asyncio.sleep(0.05)
        finally:
            await ours.close()
            await theirs.close()

    with Uplink(configuration(post, HUB)) as hub, Uplink(configuration(post, "lane-2")) as member:
        asyncio.run(talk(hub, member))
        assert listening(member.process.pid) == []
        assert listening(hub.process.pid) == [f"0100007F:{post.port:04X}"]


def test_fail_a_box_without_a_post_says_so(post: ScriptedPost) -> None:
    async def ask(uplink: Uplink) -> None:
        client = PostClient(uplink.socket)
        try:
            assert not (await client.post_state(Nothing())).configured
            with pytest.raises(ServiceError) as caught:
                await client.fetch_open(FetchOpen(kind="case"))
            assert caught.value.code == "no_post"
        finally:
            await client.close()

    with Uplink(configuration(post, "lane-2", with_post=False)) as uplink:
        asyncio.run(ask(uplink))


@pytest.mark.parametrize("address", ["0.0.0.0", "8.8.8.8"])
def test_fail_a_hub_on_every_interface_does_not_start(post: ScriptedPost, address: str) -> None:
    file = configuration(post, HUB, address=address)
    with pytest.raises(CannotStart) as caught:
        make_post(load_config(file))
    assert f"line {file.read_text().splitlines().index(f'address = {chr(34)}{address}{chr(34)}') + 1}:" in (
        caught.value.in_file(file)
    )


def test_fail_a_disk_that_holds_no_post(post: ScriptedPost) -> None:
    file = configuration(post, HUB)
    (post.folder / HUB / "post.db").mkdir()
    with pytest.raises(CannotStart, match="cannot be kept"):
        make_post(load_config(file))
