"""Addresses that customers name lead to the public internet alone, however they are written."""

import asyncio

import aiohttp
import pytest

from forecourt.platform import outward as module
from forecourt.platform.outward import ADDRESS_PRIVATE, AddressRefused, Outward, Unanswered

SPELLINGS = ("１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1")  # noqa: RUF001  the point of it


async def test_no_spelling_of_a_private_address_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[object] = []

    def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Outward(private=False) as outward, outward.session() as session:
        for host in SPELLINGS:
            with pytest.raises(AddressRefused):
                await outward.get(f"http://{host}:{port}/", deadline_s=5, most=10)
        # Whatever is made of an address before, the socket has the last word.
        monkeypatch.setattr(module, "check_address", lambda *_args, **_named: None)
        for host in (*SPELLINGS, "127.0.0.1"):
            with pytest.raises(Unanswered, match=ADDRESS_PRIVATE):
                await outward.get(f"http://{host}:{port}/", deadline_s=5, most=10)
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(f"http://{host}:{port}/")
            assert str(caught.value.os_error) == ADDRESS_PRIVATE
    assert not reached
