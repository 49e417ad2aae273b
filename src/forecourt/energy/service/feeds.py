"""The verbs of feeds. Each runs in the caller's transaction, in which it also writes the audit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from forecourt.access import Actor, Forbidden, Verb, audit
from forecourt.energy import store
from forecourt.energy.errors import FeedExists, FeedRefused, FeedUnknown, TooManyFeeds, refusal
from forecourt.energy.feeds.model import (
    MAX_FEEDS,
    TAKES,
    Feed,
    OpenAdr2,
    OpenAdr3,
    Secrets,
    Source,
    feed_faults,
    kind_of,
    zones_of,
)
from forecourt.energy.site import SiteRecord
from forecourt.energy.store import Connection
from forecourt.energy.store import feeds as feed_store
from forecourt.platform.outward import check_address
from forecourt.platform.preconditions import check_match, etag
from forecourt.platform.sealing import Seal

SEAL_PURPOSE: Final = "energy feed"


def feed_tag(feed: Feed) -> str:
    """The ETag of how a feed is set up; that it was fetched doesn't change it."""
    return etag(["energy feed", feed.feed_id, feed.version])


class Feeds:
    """What the verbs share: how secrets are sealed, and whether private addresses may be called."""

    def __init__(self, secret_key: bytes, *, private: bool) -> None:
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._private = private

    async def create(
        self,
        conn: Connection,
        actor: Actor,
        record: SiteRecord,
        *,
        name: str,
        active: bool,
        source: Source,
        secrets: Secrets,
        now: datetime,
    ) -> Feed:
        """Sets up a feed, which is fetched at once.

        Raises Forbidden, AddressRefused, FeedRefused, FeedExists, TooManyFeeds.
        """
        held = self._check(actor, record, source, secrets.held)
        await store.lock_site(conn, actor.tenant_id, record.site_id, str(actor), now)
        if await feed_store.count_feeds(conn, actor.tenant_id, record.site_id) >= MAX_FEEDS:
            raise TooManyFeeds
        made = await feed_store.insert_feed(
            conn,
            actor.tenant_id,
            record.site_id,
            name=name,
            active=active,
            source=source,
            secrets=self._close(secrets),
            held=held,
            by=str(actor),
            now=now,
        )
        if made is None:
            raise FeedExists
        await audit(conn, actor, "add feed", f"site:{record.slug}", told(made))
        return made

    async def change(
        self,
        conn: Connection,
        actor: Actor,
        record: SiteRecord,
        feed_id: int,
        *,
        name: str,
        active: bool,
        source: Source,
        secrets: Secrets,
        now: datetime,
        if_match: str | None,
    ) -> Feed:
        """Sets up a feed anew. Secrets that are not said stay as they are, unless the kind is another.

        Raises FeedUnknown, ChangedMeanwhile, Forbidden, AddressRefused, FeedRefused, FeedExists.
        """
        await store.lock_site(conn, actor.tenant_id, record.site_id, str(actor), now)
        before = await find(conn, record, feed_id)
        check_match(if_match, feed_tag(before))
        kept = await self._kept(conn, before, source)
        merged = Secrets(**{each: getattr(secrets, each) or getattr(kept, each) for each in Secrets.__struct_fields__})
        if isinstance(source, OpenAdr3) and source.client_id is None:
            merged = replace(merged, client_secret=secrets.client_secret)
        held = self._check(actor, record, source, merged.held)
        others = await feed_store.list_feeds(conn, actor.tenant_id, record.site_id)
        if any(each.name == name and each.feed_id != feed_id for each in others):
            raise FeedExists
        changed = await feed_store.update_feed(
            conn,
            before,
            name=name,
            active=active,
            source=source,
            secrets=self._close(merged),
            held=held,
            by=str(actor),
            now=now,
        )
        await audit(conn, actor, "change feed", f"site:{record.slug}", before=told(before), after=told(changed))
        return changed

    def _check(self, actor: Actor, record: SiteRecord, source: Source, held: Sequence[str]) -> list[str]:
        """What it will hold. Raises Forbidden, AddressRefused, FeedRefused."""
        if zones_of(source) and not actor.may(Verb.LOAD_SERIES):
            raise Forbidden
        if isinstance(source, OpenAdr2 | OpenAdr3):
            check_address(source.url, private=self._private)
        if isinstance(source, OpenAdr3) and source.token_url is not None:
            check_address(source.token_url, private=self._private)
        nodes = [] if record.tree is None else [node.id for node in record.tree.nodes]
        faults = feed_faults(source, held, nodes)
        if faults:
            raise refusal(FeedRefused, faults)
        return list(held)

    async def _kept(self, conn: Connection, before: Feed, source: Source) -> Secrets:
        """The secrets that stay: those of another kind, or for another server, are not sent there."""
        same = kind_of(before.source) == kind_of(source)
        if isinstance(source, OpenAdr3) and isinstance(before.source, OpenAdr3):
            same = (source.url, source.token_url) == (before.source.url, before.source.token_url)
        sealed = await feed_store.read_secrets(conn, before.tenant_id, before.feed_id) if same else None
        if sealed is None or not TAKES[kind_of(source)]:
            return Secrets()
        return msgspec.json.decode(self._seal.open(sealed), type=Secrets)

    def _close(self, secrets: Secrets) -> bytes | None:
        return self._seal.close(msgspec.json.encode(secrets).decode()) if secrets.held else None


async def find(conn: Connection, record: SiteRecord, feed_id: int) -> Feed:
    """The feed of this number at a site. Raises FeedUnknown."""
    found = await feed_store.find_feed(conn, record.tenant_id, record.site_id, feed_id)
    if found is None:
        raise FeedUnknown
    return found


async def delete(conn: Connection, actor: Actor, record: SiteRecord, feed_id: int) -> None:
    """Forgets a feed. Limits that it said count until they end or are withdrawn. Raises FeedUnknown, Forbidden."""
    feed = await find(conn, record, feed_id)
    _check_may(actor, feed)
    await feed_store.delete_feed(conn, record.tenant_id, feed_id)
    await audit(conn, actor, "remove feed", f"site:{record.slug}", told(feed))


async def fetch_now(conn: Connection, actor: Actor, record: SiteRecord, feed_id: int, now: datetime) -> Feed:
    """Has a feed fetched next. Raises FeedUnknown, Forbidden."""
    _check_may(actor, await find(conn, record, feed_id))
    await feed_store.ask_now(conn, record.tenant_id, feed_id, now)
    return await find(conn, record, feed_id)


def _check_may(actor: Actor, feed: Feed) -> None:
    if zones_of(feed.source) and not actor.may(Verb.LOAD_SERIES):
        raise Forbidden


def told(feed: Feed) -> dict[str, Any]:
    """What the audit keeps of a feed: how it is set up, without secrets and certificates."""
    source = msgspec.to_builtins(feed.source)
    source.pop("ca", None)
    return {"name": feed.name, "active": feed.active, "secrets": list(feed.held), **source}
