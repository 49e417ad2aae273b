"""Letters go out after the commit that wrote them, and are kept no longer than they wait."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from forecourt.platform import mail
from forecourt.platform.database import Pool
from forecourt.platform.errors import SettingsError
from forecourt.platform.mail import FolderPost, Letter, MailJobs, SmtpPost
from tests.ground import Ground
from tests.support import FakeClock

SENDER = "Forecourt <forecourt@example.com>"
LETTER = Letter(recipient="ada@example.com", subject="Join  the\nteam", body="https://x.example/join/s3cr3t\n")


class Desk:
    def __init__(self, ground: Ground, app: Pool, worker: Pool) -> None:
        self.admin = ground.admin
        self.app = app
        self.worker = worker

    def waiting(self) -> list[tuple[Any, ...]]:
        return self.admin.execute("SELECT letter_id::text, tenant_id, subject FROM letters").fetchall()


@pytest_asyncio.fixture
async def desk(ground: Ground) -> AsyncIterator[Desk]:
    yield Desk(ground, await ground.pool("forecourt_app", 2), await ground.pool("forecourt_worker", 2))
    ground.clear()


async def test_a_letter_lies_in_the_folder_once_it_was_sent_and_nowhere_else(
    desk: Desk, tmp_path: Path, clock: FakeClock
) -> None:
    async with desk.app.tenant(1) as conn:
        await mail.write(conn, 1, LETTER)
    [(letter_id, tenant_id, subject)] = desk.waiting()
    assert (tenant_id, subject) == (1, "Join the team")
    [(event, waits)] = desk.admin.execute("SELECT event, subject FROM outbox").fetchall()
    assert (event, waits) == (mail.WRITTEN, letter_id)
    jobs = MailJobs(desk.worker, FolderPost(tmp_path / "mail", SENDER, clock), clock)
    await jobs.send(1, letter_id)
    await jobs.send(1, letter_id)
    [file] = (tmp_path / "mail").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    message = message_from_bytes(file.read_bytes())
    assert (message["To"], message["From"]) == ("ada@example.com", SENDER)
    assert "/join/s3cr3t" in str(message.get_payload())
    assert desk.waiting() == []


async def test_a_change_that_fails_sends_no_letter(desk: Desk) -> None:
    with pytest.raises(RuntimeError):
        async with desk.app.tenant(1) as conn:
            await mail.write(conn, 1, LETTER)
            raise RuntimeError
    assert desk.waiting() == []


async def test_the_application_can_read_no_letter_and_write_none_for_others(desk: Desk) -> None:
    async with desk.app.tenant(1) as conn:
        await mail.write(conn, 1, LETTER)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with desk.app.tenant(1) as conn:
            await conn.execute("SELECT body FROM letters")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with desk.app.tenant(1) as conn:
            await mail.write(conn, 2, LETTER)


async def test_a_post_that_fails_keeps_the_letter(desk: Desk) -> None:
    class Broken:
        async def send(self, letter: Letter) -> None:
            raise OSError("no route to host")

    async with desk.app.tenant(1) as conn:
        await mail.write(conn, 1, LETTER)
    [(letter_id, *_)] = desk.waiting()
    with pytest.raises(OSError, match="no route"):
        await MailJobs(desk.worker, Broken(), FakeClock()).send(1, letter_id)
    assert len(desk.waiting()) == 1


async def test_a_letter_without_a_job_is_offered_again_each_hour_and_given_up_after_a_day(
    desk: Desk, tmp_path: Path, clock: FakeClock
) -> None:
    async with desk.app.tenant(1) as conn:
        await mail.write(conn, 1, LETTER)
    desk.admin.execute("UPDATE letters SET written_at = %s", (clock.now(),))
    # Its job was made, and used up its tries.
    desk.admin.execute("DELETE FROM outbox")
    jobs = MailJobs(desk.worker, FolderPost(tmp_path / "mail", SENDER, clock), clock)
    clock.advance(59 * 60)
    assert await jobs.offer_again() == (0, 0)
    clock.advance(2 * 60)
    assert await jobs.offer_again() == (1, 0)
    # Until a dispatcher takes it, it is offered once.
    await jobs.offer_again()
    [(letter_id, tenant_id, _)] = desk.waiting()
    offered = desk.admin.execute("SELECT event, subject, tenant_id FROM outbox").fetchall()
    assert offered == [(mail.WRITTEN, letter_id, tenant_id)]
    clock.advance(23 * 3600)
    assert (await jobs.offer_again())[1] == 1
    assert desk.waiting() == []


async def test_a_letter_reaches_an_smtp_server(clock: FakeClock) -> None:
    heard: list[str] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 local ESMTP\r\n")
        in_data = False
        while line := (await reader.readline()).decode():
            heard.append(line.rstrip("\r\n"))
            if in_data:
                in_data = line != ".\r\n"
                answer = b"" if in_data else b"250 kept\r\n"
            elif line.startswith("DATA"):
                in_data, answer = True, b"354 go on\r\n"
            else:
                answer = b"221 bye\r\n" if line.startswith("QUIT") else b"250 fine\r\n"
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await SmtpPost(f"smtp://127.0.0.1:{port}", SENDER, clock).send(LETTER)
    server.close()
    assert "RCPT TO:<ada@example.com>" in heard
    assert any("/join/s3cr3t" in line for line in heard)


def test_an_address_that_is_no_smtp_server_is_refused(clock: FakeClock) -> None:
    with pytest.raises(SettingsError):
        SmtpPost("http://mail.example", SENDER, clock)


async def test_the_folder_is_bounded(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_KEPT", 3)
    post = FolderPost(tmp_path, SENDER, clock)
    for _ in range(5):
        await post.send(LETTER)
        clock.advance(1)
    assert len(list(tmp_path.iterdir())) == 3
