"""The command line of the simulator: one command with three uses: the demo, a replay, or idle stations by number."""

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from forecourt.simulator import fleet, plan, replay, sessions_file
from forecourt.simulator.clock import PacedClock
from forecourt.simulator.demo import Demo
from forecourt.simulator.faults import Chances, Counts
from forecourt.simulator.fleet import Fleet
from forecourt.simulator.ledger import Ledger
from forecourt.simulator.prices import LOOK, Priced
from forecourt.simulator.provision import Api, Refusal, Registered, Site
from forecourt.simulator.regulars import office_w
from forecourt.simulator.station import Station

KEY_VARIABLES = ("FORECOURT_API_KEY", "FORECOURT_BOOTSTRAP_API_KEY")
#: How long the last words of a demo that is stopped may take.
FAREWELL_S = 3.0
#: How long stations may take to say what they are, before a site of theirs is wired, and how often it is tried.
WIRE_DEADLINE_S, WIRE_RETRY_S = 120.0, 2.0
#: What is new at the wired site is told so often, its meter's reading each so many times.
TELL_EVERY_S, BEATS_OF_METER = 5.0, 6

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False, rich_markup_mode=None)
console = Console(stderr=True)
Share = Annotated[float, typer.Option(min=0.0, max=1.0)]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect and register, and as whom."""

    url: str
    api: str | None
    key: str | None
    seed: int
    version: str

    @property
    def secret(self) -> str | None:
        """What the stations' passwords are made from: they have some when they can be registered."""
        return self.key if self.api is not None else None

    async def register(self, sites: list[Site], stations: list[Registered], tokens: dict[str, str]) -> None:
        if self.api is None or self.key is None:
            return
        async with Api(self.api, self.key) as api:
            await api.ready()
            await api.register(sites, stations, tokens)

    async def price(self, tariffs: list[Priced]) -> None:
        if self.api is None or self.key is None:
            return
        async with Api(self.api, self.key) as api:
            await api.price(tariffs, LOOK)


@app.command()
def simulate(
    url: Annotated[str | None, typer.Option(help="OCPP address without the identity.")] = None,
    api: Annotated[str | None, typer.Option(help="HTTP address to register stations and tokens at first.")] = None,
    key_env: Annotated[str, typer.Option(help="The variable that holds the API key.")] = KEY_VARIABLES[0],
    demo: Annotated[bool, typer.Option(help="Play the demo fleet until stopped.")] = False,
    replay_file: Annotated[Path | None, typer.Option("--replay", help="Play the sessions of this file.")] = None,
    stations: Annotated[int, typer.Option(help="Connect so many idle stations.", min=0)] = 0,
    version: Annotated[str, typer.Option(help="mix, 1.6, 2.0.1 or 2.1.")] = "mix",
    speed: Annotated[float, typer.Option(help="Times faster than time; 0: as fast as answers come.", min=0)] = 0.0,
    seed: int = 1,
    columns: Annotated[
        str | None, typer.Option(help="CSV: station=COLUMN,start=,end=,energy_kwh=[,id=,token=,site=]")
    ] = None,
    delimiter: str = ",",
    decimal: str = ".",
    zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "UTC",
    time_format: Annotated[str | None, typer.Option(help="strptime format; else ISO 8601.")] = None,
    since: Annotated[str | None, typer.Option(help="Only sessions that start at or after this date.")] = None,
    until: Annotated[str | None, typer.Option(help="Only sessions that start before this date.")] = None,
    keep_dates: Annotated[bool, typer.Option(help="Don't move sessions by whole weeks to end now.")] = False,
    meter_interval: Annotated[int, typer.Option(help="Seconds between meter values.", min=1)] = 900,
    cut: Share = 0.0,
    offline: Share = 0.0,
    duplicate: Share = 0.0,
    reorder: Share = 0.0,
    wrong_clock: Share = 0.0,
    prefix: Annotated[str, typer.Option(help="Put before every station's name.")] = "",
    state: Annotated[Path | None, typer.Option(help="Where a broken-off replay goes on from.")] = None,
    ledger: Annotated[Path | None, typer.Option(help="Write every acknowledged message here.")] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write the report here as JSON.")] = None,
) -> None:
    """Simulate charging stations that speak real OCPP: the demo, a replay of real sessions, or idle stations."""
    if version not in ("mix", *fleet.VERSIONS):
        raise typer.BadParameter(f"{version} is none of mix, {', '.join(fleet.VERSIONS)}")
    if sum((demo, replay_file is not None, stations > 0)) != 1:
        raise typer.BadParameter("choose one of --demo, --replay FILE and --stations N")
    run = _where(url, api, key_env, demo, seed, version)
    # A shell that starts it in the background has it ignore Ctrl-C, by which it is stopped and can go on later.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if demo:
            uvloop.run(_demo(run))
        elif stations:
            uvloop.run(_idle(run, stations, prefix))
        else:
            assert replay_file is not None
            mapped = _columns(columns, delimiter=delimiter, decimal=decimal, zone=zone, time_format=time_format)
            sessions = _load(replay_file, mapped, since, until)
            options = replay.Options(
                url=run.url,
                speed=speed,
                seed=seed,
                meter_interval_s=meter_interval,
                chances=Chances(cut=cut, offline=offline, duplicate=duplicate, reorder=reorder),
                wrong_clock=wrong_clock,
                secret=run.secret,
            )
            outcome = uvloop.run(_replay(run, options, sessions, prefix, keep_dates, state, ledger))
            _tell(outcome, report)
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise typer.Exit(130) from None
    except Refusal as refusal:
        console.print(f"[bold red]Registering failed.[/] {refusal}", highlight=False)
        raise typer.Exit(1) from None


def _where(url: str | None, api: str | None, key_env: str, demo: bool, seed: int, version: str) -> Run:
    """Addresses as given, else those of a deployment on this machine."""
    key = next((value for name in (key_env, *KEY_VARIABLES) if (value := os.environ.get(name))), None)
    if demo and api is None and key is not None:
        api = f"http://127.0.0.1:{os.environ.get('FORECOURT_WEB_PORT', '8000')}"
    if api is not None and key is None:
        raise typer.BadParameter(f"registering needs an API key in {key_env}")
    url = url or f"ws://127.0.0.1:{os.environ.get('FORECOURT_OCPP_PORT', '9000')}/ocpp"
    return Run(url=url, api=api, key=key, seed=seed, version=version)


def _columns(columns: str | None, **more: Any) -> sessions_file.Columns | None:
    try:
        return sessions_file.Columns.parse(columns, **more) if columns else None
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--columns") from None


def _load(
    path: Path, columns: sessions_file.Columns | None, since: str | None, until: str | None
) -> list[sessions_file.Session]:
    try:
        imported = sessions_file.load(path, columns)
    except (OSError, ValueError) as fault:
        console.print(f"[bold red]{path} can't be replayed.[/] {fault}", highlight=False)
        raise typer.Exit(1) from None
    console.print(f"{len(imported.sessions)} sessions, {imported.energy_wh / 1000:.3f} kWh in {path.name}")
    for reason, count in imported.refused.most_common():
        console.print(f"  refused {count}: {reason}")
    chosen = [
        session
        for session in imported.sessions
        if (since is None or session.start >= _day(since)) and (until is None or session.start < _day(until))
    ]
    if not chosen:
        console.print("No session is left to replay.")
        raise typer.Exit(1)
    return chosen


def _day(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _replay(
    run: Run,
    options: replay.Options,
    sessions: list[sessions_file.Session],
    prefix: str,
    keep_dates: bool,
    state: Path | None,
    ledger_path: Path | None,
) -> replay.Report:
    kept = replay.Progress(state) if state is not None else None
    weeks = 0 if keep_dates else plan.shift_weeks(sessions, datetime.now(UTC))
    if kept is not None:
        kept.begin(weeks)
        weeks = kept.weeks or 0
    parts = plan.plan(plan.moved(sessions, weeks), run.seed, run.version, prefix)
    await run.register(*_register_parts(parts, options.secret))
    ledger = Ledger(ledger_path) if ledger_path is not None else None
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=console,
    )  # fmt: skip
    done = frozenset(kept.done) if kept is not None else frozenset()
    task = bar.add_task("sessions", total=sum(len(part.plays) for part in parts), completed=len(done), rate="")

    def finished(session: str) -> None:
        if kept is not None:
            kept.note(session)
        bar.advance(task)

    player = replay.Replay(parts, options, done=done, ledger=ledger, on_done=finished)
    with bar:
        ticker = asyncio.get_running_loop().create_task(
            _rate(player.report.counts, lambda text: bar.update(task, rate=text))
        )
        try:
            return await player.run()
        finally:
            ticker.cancel()
            if ledger is not None:
                ledger.close()
            if kept is not None:
                kept.close()


async def _rate(counts: Counts, show: Callable[[str], None]) -> None:
    before = 0
    while True:
        await asyncio.sleep(1)
        show(f"{counts.calls_answered - before} msg/s")
        before = counts.calls_answered


def _register_parts(parts: list[plan.Part], secret: str | None) -> tuple[list[Site], list[Registered], dict[str, str]]:
    slugs = {part.site: _slug(part.site) for part in parts if part.site}
    stations = [
        Registered(
            id=part.identity,
            site=slugs.get(part.site),
            password=fleet.password(secret, part.identity) if secret else None,
        )
        for part in parts
    ]
    tokens = {play.token: "accepted" for part in parts for play in part.plays}
    return [Site(slug=slug, name=name) for name, slug in slugs.items()], stations, tokens


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")[:60] or "site"


def _tell(outcome: replay.Report, path: Path | None) -> None:
    done, total = outcome.sessions_done + outcome.sessions_before, outcome.sessions
    counts = outcome.counts
    console.print(
        f"{done} of {total} sessions at {outcome.stations} stations ({outcome.versions}), "
        f"{outcome.energy_done_wh / 1000:.3f} kWh; {counts.calls_answered} messages answered in {outcome.real_s:.1f} s "
        f"({outcome.messages_per_s:.0f}/s).\n"
        f"Faults: {counts.cuts} cuts, {counts.offline_periods} times offline, {counts.duplicates} duplicates, "
        f"{counts.reordered_replays} reordered replays, {counts.resent} resent, {counts.timeouts} unanswered, "
        f"{counts.call_errors} CALLERRORs, {counts.dropped} dropped, {counts.tokens_refused} tokens refused.",
        highlight=False,
    )
    if outcome.unaccepted:
        console.print(f"Never accepted: {', '.join(outcome.unaccepted[:10])}. Last refusal: {counts.last_refusal}")
    if path is not None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
    if done < total or outcome.wrong_energy or outcome.unaccepted:
        raise typer.Exit(1)


async def _demo(run: Run) -> None:
    demo = Demo(run.url, PacedClock(), run.secret, run.seed, tell=lambda line: console.print(line, highlight=False))
    await run.register(demo.sites, demo.registered, demo.tokens)
    await run.price(demo.tariffs)
    console.print(f"{len(demo.stations)} stations at {len(demo.sites)} sites connect to {run.url}; Ctrl-C stops them.")
    driven = Fleet(demo.stations)
    await driven.power_on()
    wiring = asyncio.create_task(_wire(run, demo))
    try:
        await _until_stopped(driven.run(demo.beat))
    finally:
        wiring.cancel()
        demo.close()
        online = [station.link.drained() for station in demo.stations if station.link.online]
        await asyncio.wait([asyncio.ensure_future(wait) for wait in online], timeout=FAREWELL_S)
        driven.power_off()


async def _wire(run: Run, demo: Demo) -> None:
    """Wire the site that is charged smartly, once its stations have said what they are; then tell what its drivers need
    and its building takes."""
    if run.api is None or run.key is None:
        return
    async with Api(run.api, run.key) as api:
        try:
            async with asyncio.timeout(WIRE_DEADLINE_S):
                while not await api.wire(demo.wiring):
                    await asyncio.sleep(WIRE_RETRY_S)
        except (Refusal, aiohttp.ClientError, TimeoutError) as fault:
            told = fault or "its stations are not known in time"
            console.print(f"No site is charged smartly: {told}.", style="yellow")
            return
        await _tell_of_site(api, demo)


async def _tell_of_site(api: Api, demo: Demo) -> None:
    """As an app and a meter do. What isn't taken is told again, and once that it wasn't."""
    said: set[str] = set()
    beat, complained = 0, False
    while True:
        try:
            if beat % BEATS_OF_METER == 0:
                await api.measure(demo.wiring, office_w(datetime.now(UTC)))
            now = datetime.now(UTC)
            needs = {uid: need.said() for uid, need in demo.regulars.needs.items() if need.departure_at > now}
            await api.say(demo.wiring, needs, said)
        except (Refusal, aiohttp.ClientError, TimeoutError) as fault:
            if not complained:
                console.print(f"Nobody hears what drivers need: {fault}", style="yellow", markup=False)
            complained = True
        beat += 1
        await asyncio.sleep(TELL_EVERY_S)


async def _idle(run: Run, number: int, prefix: str) -> None:
    make = fleet.MAKES["wallbox 11"]
    clock, counts = PacedClock(), Counts()
    names = [f"{prefix or 'SIM'}-{n:05}" for n in range(1, number + 1)]
    await run.register([], [Registered(id=n, password=_password(run, n)) for n in names], {})
    built = [
        Station(
            name, make, fleet.DIALECTS[fleet.version_of(index, run.version)], clock, url=run.url, counts=counts,
            password=_password(run, name), local=fleet.local_address(run.url, index),
        )
        for index, name in enumerate(names)
    ]  # fmt: skip
    driven = Fleet(built)
    await driven.power_on()
    try:
        await _until_stopped(driven.run())
    finally:
        console.print(f"{sum(s.accepted for s in built)} of {number} accepted. {counts}", highlight=False)
        driven.power_off()


def _password(run: Run, name: str) -> str | None:
    return fleet.password(run.secret, name) if run.secret else None


async def _until_stopped(running: Any) -> None:
    """Runs until SIGTERM, which ends a demo as Ctrl-C does."""
    task = asyncio.ensure_future(running)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
