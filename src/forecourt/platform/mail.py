"""Letters to people: written in the transaction that needs them, sent by the worker, kept no longer than that.

`write` puts a letter beside the change it tells of, `take_back` lets it go unsent; the dispatcher turns it into a job
that hands it to a `Post`: an SMTP server, or a folder where none is set, so that a demo shows what would have been
sent. A letter may be sent twice when a worker dies between handing it over and forgetting it. One that can't be sent is
offered again each hour, for a day: the links in it are good no longer.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import aiosmtplib
import structlog
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings

log = structlog.get_logger(__name__)

#: The outbox event of a letter that waits.
WRITTEN = "letter.written"
#: How long one conversation with the SMTP server may take.
SEND_DEADLINE_S = 30.0
#: A letter that waits this long has no job any more that tries to send it, and is offered again.
OFFER_AGAIN_AFTER = timedelta(hours=1)
#: One that waits this long is given up.
GIVE_UP_AFTER = timedelta(days=1)
MAX_RECIPIENT = 254
MAX_SUBJECT = 200
#: Letters that one line of the log names.
MAX_NAMED = 20
MAX_BODY = 20_000
#: Letters kept in the folder; the oldest goes when one more comes.
MAX_KEPT = 1_000
FOLDER = "mail"


class Enclosure(Struct, frozen=True, kw_only=True):
    """A file that goes with a letter."""

    name: str
    media_type: str
    content: bytes


class Letter(Struct, frozen=True, kw_only=True):
    """One plain-text letter to one address. What goes with it is found when it is sent, and not kept with it."""

    recipient: str
    subject: str
    body: str
    enclosed: tuple[Enclosure, ...] = ()


class Enclosing(Protocol):
    """Finds what goes with a letter; wired in app."""

    async def __call__(self, tenant_id: int, letter_id: UUID, /) -> tuple[Enclosure, ...]: ...


async def nothing_enclosed(_tenant_id: int, _letter_id: UUID) -> tuple[Enclosure, ...]:
    """Of letters that are all that is sent."""
    return ()


class Post(Protocol):
    """Hands letters over."""

    async def send(self, letter: Letter) -> None:
        """Returns when the letter is out of our hands; raises OSError (a TimeoutError too) or
        aiosmtplib.SMTPException."""
        ...


async def write(conn: AsyncConnection[Any], tenant_id: int, letter: Letter) -> UUID:
    """Writes a letter in the caller's transaction, which acts for that tenant; its id. Longer texts are cut."""
    letter_id = uuid4()
    await conn.execute(
        "INSERT INTO letters (letter_id, tenant_id, recipient, subject, body) VALUES (%s, %s, %s, %s, %s)",
        (letter_id, tenant_id, letter.recipient, _one_line(letter.subject), letter.body[:MAX_BODY]),
    )
    await outbox.write(conn, tenant_id, WRITTEN, str(letter_id))
    return letter_id


async def take_back(conn: AsyncConnection[Any], tenant_id: int, letter_ids: Sequence[UUID]) -> None:
    """Takes back, in the caller's transaction, what of these letters nobody handed over yet. One that is being handed
    over in this moment still goes, with all that was enclosed. Idempotent."""
    await conn.execute("DELETE FROM letters WHERE tenant_id = %s AND letter_id = ANY(%s)", (tenant_id, [*letter_ids]))


class MailJobs:
    """Sends what was written. `pool` is of role forecourt_worker."""

    def __init__(self, pool: Pool, post: Post, clock: Clock, enclosing: Enclosing = nothing_enclosed) -> None:
        self._pool = pool
        self._post = post
        self._clock = clock
        self._enclosing = enclosing

    async def send(self, tenant_id: int, subject: str) -> None:
        """Hands one letter over and forgets it; does nothing for one that was sent or taken back. `subject` is its
        id."""
        letter_id = UUID(subject)
        # Before the letter: who takes it back lets go of both at once, so one that is still there has all of it.
        enclosed = await self._enclosing(tenant_id, letter_id)
        async with self._pool.anyone() as conn:
            row = await (
                await conn.execute(
                    "SELECT recipient, subject, body FROM letters WHERE letter_id = %s AND tenant_id = %s",
                    (letter_id, tenant_id),
                )
            ).fetchone()
        if row is None:
            return
        await self._post.send(Letter(recipient=row[0], subject=row[1], body=row[2], enclosed=enclosed))
        async with self._pool.anyone() as conn:
            await conn.execute("DELETE FROM letters WHERE letter_id = %s AND tenant_id = %s", (letter_id, tenant_id))

    async def offer_again(self) -> tuple[int, int]:
        """Offers the letters again that could not be sent, and gives up those that are too old: how many of each."""
        now = self._clock.now()
        async with self._pool.anyone() as conn:
            old = await conn.execute(
                "DELETE FROM letters WHERE written_at < %s RETURNING letter_id", (now - GIVE_UP_AFTER,)
            )
            given_up = [str(letter_id) for (letter_id,) in await old.fetchall()]
            waiting = await conn.execute(
                "SELECT tenant_id, letter_id::text FROM letters WHERE written_at < %s LIMIT %s",
                (now - OFFER_AGAIN_AFTER, outbox.BATCH),
            )
            offered = await waiting.fetchall()
            for tenant_id, letter_id in offered:
                await outbox.write(conn, tenant_id, WRITTEN, letter_id)
        if given_up:
            log.error("letters were given up unsent; look at the mail server", letters=given_up[:MAX_NAMED])
        return len(offered), len(given_up)


class FolderPost:
    """Puts letters into a folder as files that any mail program opens, readable by us alone."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def send(self, letter: Letter) -> None:
        """Writes one `.eml` file whose name begins with the time."""
        await asyncio.to_thread(self._put, letter)

    def _put(self, letter: Letter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        now = self._clock.now()
        path = self._folder / f"{now:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.eml"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_message(letter, self._sender, self._clock).as_bytes(policy=SMTP))
        for old in sorted(self._folder.glob("*.eml"))[:-MAX_KEPT]:
            old.unlink(missing_ok=True)


class SmtpPost:
    """Speaks to an SMTP server: `smtp://[user:password@]host[:port]` (STARTTLS where offered) or `smtps://...`."""

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or parts.hostname is None:
            raise SettingsError("FORECOURT_MAIL_URL must be smtp://host:port or smtps://host:port.")
        self._sender = sender
        self._clock = clock
        self._server: dict[str, Any] = {
            "hostname": parts.hostname,
            "port": parts.port or (465 if parts.scheme == "smtps" else 587),
            "use_tls": parts.scheme == "smtps",
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "timeout": SEND_DEADLINE_S,
        }

    async def send(self, letter: Letter) -> None:
        """One connection a letter: letters are few."""
        async with asyncio.timeout(SEND_DEADLINE_S):
            await aiosmtplib.send(_message(letter, self._sender, self._clock), **self._server)
        log.info("a letter was sent", subject=letter.subject)


def post_of(settings: Settings, clock: Clock) -> Post:
    """The post that the settings name; the folder `mail` of the data folder where they name none."""
    if settings.mail_url is None:
        return FolderPost(settings.data_dir / FOLDER, settings.mail_from, clock)
    return SmtpPost(settings.mail_url, settings.mail_from, clock)


def _one_line(subject: str) -> str:
    """A header has no line breaks, or its writer could add headers."""
    return " ".join(subject.split())[:MAX_SUBJECT]


def _message(letter: Letter, sender: str, clock: Clock) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.recipient
    message["Subject"] = _one_line(letter.subject)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{uuid4()}@{sender.rpartition('@')[2].rstrip('>') or 'localhost'}>"
    message.set_content(letter.body)
    for each in letter.enclosed:
        kind, _, form = each.media_type.partition("/")
        message.add_attachment(each.content, maintype=kind, subtype=form, filename=each.name)
    return message
