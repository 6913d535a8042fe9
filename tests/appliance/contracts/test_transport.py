"""The sockets between services, with a real server and the real client."""

import asyncio
import os

import httpx
import msgspec
import pytest

from appliance.contracts.capture import CaptureClient as Client
from appliance.contracts.capture import Devices, MrzEvidence, Nothing, Wait
from appliance.contracts.errors import ServiceError
from appliance.contracts.transport import Operation, application, listen_unix, serve


async def read_mrz(request: Wait) -> MrzEvidence:
    if request.timeout < 1:
        raise ServiceError("timeout", "Nothing came in time.", retry=True)
    return MrzEvidence(lines=("A", "B"), source="mrz_line", device="d", simulated=False)


async def devices(request: Nothing) -> Devices:
    return Devices(devices=())


def run(tmp_path, work, *, uids=None):
    async def main():
        path = tmp_path / "run" / "capture.sock"
        operations = (Operation("read_mrz", Wait, read_mrz, uids), Operation("devices", Nothing, devices))
        server = asyncio.create_task(serve(application(operations), listen_unix(path)))
        client = Client(path)
        try:
            return await work(client, path)
        finally:
            await client.close()
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)

    return asyncio.run(main())


def test_ok_a_call_and_its_answer(tmp_path):
    async def work(client, path):
        return await client.read_mrz(Wait(timeout=5))

    assert run(tmp_path, work).lines == ("A", "B")


def test_ok_our_own_user_is_known_by_the_kernel(tmp_path):
    async def work(client, path):
        return await client.read_mrz(Wait(timeout=5))

    assert run(tmp_path, work, uids=frozenset({os.getuid()})).lines == ("A", "B")


def test_fail_another_user_may_not_ask(tmp_path):
    async def work(client, path):
        with pytest.raises(ServiceError) as caught:
            await client.read_mrz(Wait(timeout=5))
        return caught.value.code

    assert run(tmp_path, work, uids=frozenset({os.getuid() + 1})) == "not_allowed"


def test_fail_the_services_own_error_comes_through(tmp_path):
    async def work(client, path):
        with pytest.raises(ServiceError) as caught:
            await client.read_mrz(Wait(timeout=0))
        return caught.value

    error = run(tmp_path, work)
    assert (error.code, error.retry, error.sentence) == ("timeout", True, "Nothing came in time.")


def test_fail_nobody_listens(tmp_path):
    async def main():
        client = Client(tmp_path / "nobody.sock")
        with pytest.raises(ServiceError) as caught:
            await client.devices(Nothing())
        await client.close()
        return caught.value

    error = asyncio.run(main())
    assert error.code == "unreachable"
    assert error.retry


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"timeout": "soon"}', b"\xff" * 100])
def test_fail_malformed_requests(tmp_path, body):
    async def work(client, path):
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path))) as stranger:
            answer = await stranger.post("http://borne/read_mrz", content=body)
        return answer.status_code, msgspec.json.decode(answer.content)["code"]

    assert run(tmp_path, work) == (400, "bad_request")


def test_fail_an_oversized_request_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.contracts.transport.MAX_MESSAGE_BYTES", 1000)

    async def work(client, path):
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path))) as stranger:
            answer = await stranger.post("http://borne/read_mrz", content=b" " * 2000)
        return answer.status_code

    assert run(tmp_path, work) == 400


def test_ok_a_stale_socket_file_is_replaced(tmp_path):
    path = tmp_path / "a.sock"
    listen_unix(path).close()
    assert path.exists()
    listener = listen_unix(path)
    assert path.stat().st_mode & 0o777 == 0o660
    listener.close()
