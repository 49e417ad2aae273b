"""The embedded servers after every kind of death, in every guise, and in the folders that people really have."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import nats
import nats.errors
import psycopg
import pytest
import pytest_asyncio

from forecourt.platform.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerFailed, FolderInUse
from forecourt.platform.embedded.postgres import binary
from forecourt.platform.embedded.process import (
    Guise,
    alive,
    harmless_account,
    launch_command,
    polling,
    processes_in,
    processes_with,
    unprivileged,
)
from tests.support import WAIT_S

SMALL = {"shared_buffers": "16MB", "max_wal_size": "64MB"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")

#: A supervisor in a process of its own: starts both servers, says so, and waits to be killed.
SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from forecourt.platform.embedded import EmbeddedNats, EmbeddedPostgres
async def main():
    folder = Path(sys.argv[1])
    async with EmbeddedPostgres(folder, configuration={"shared_buffers": "16MB"}) as pg, EmbeddedNats(folder) as nats:
        print("up", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A stopped server's folder, to be copied: making one takes the longest."""
    folder = tmp_path_factory.mktemp("made")
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        run(server, "CREATE TABLE kept (n int)")
    yield folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A data folder with a stopped server in it; whoever still runs in it afterwards is a fault."""
    target = tmp_path / "var"
    shutil.copytree(made / "postgres", target / "postgres")
    yield target
    assert living(target) == []


def run(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def kept(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.admin_url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def title(pid: int) -> bytes:
    """The words a process goes by; empty when it is gone by now, as workers of the server come and go."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def checkpointers(folder: Path) -> list[int]:
    return [pid for pid in processes_in(folder / "postgres") if b"checkpointer" in title(pid)]


def living(folder: Path) -> list[int]:
    """Every process of the servers of a data folder."""
    found = [*processes_in(folder / "postgres"), *processes_with(str(folder / "nats" / "nats.conf"))]
    return [pid for pid in found if alive(pid)]


async def until(happened: Callable[[], bool]) -> None:
    async for _ in polling(WAIT_S):
        if happened():
            return
    raise AssertionError("it never happened")


def supervise(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


async def test_a_killed_server_comes_back_at_the_same_address_with_what_was_committed(folder: Path) -> None:
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        url = server.admin_url
        run(server, "INSERT INTO kept VALUES (1)")
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL
        await server.restart()
        assert server.admin_url == url
        assert kept(server) == 1
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        assert kept(server) == 1


async def test_a_killed_supervisor_leaves_no_process_and_no_obstacle(folder: Path) -> None:
    process = supervise(folder)
    assert len(living(folder)) > 2
    process.kill()
    process.wait(WAIT_S)
    await until(lambda: living(folder) == [])
    async with EmbeddedPostgres(folder, configuration=SMALL) as server, EmbeddedNats(folder):
        assert kept(server) == 0


async def test_a_server_that_outlived_its_supervisor_is_replaced(folder: Path) -> None:
    """As after a kill of everything but the server, on a system where nothing can be tied to its parent."""
    command = [str(binary("postgres")), "-D", str(folder / "postgres"), "-k", str(folder), "-h", ""]
    process = subprocess.Popen(
        launch_command(command, guise=unprivileged(), death_signal=signal.SIGKILL), stderr=subprocess.DEVNULL
    )
    status = folder / "postgres" / "postmaster.pid"
    await until(lambda: status.exists() and "ready" in status.read_text())
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        assert process.wait(WAIT_S) == 0
        assert server.pid != process.pid
        assert kept(server) == 0


async def test_orphans_of_a_killed_server_are_ended_before_the_folder_is_used_again(folder: Path) -> None:
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        await until(lambda: checkpointers(folder) != [])  # it lives as long as the server, under its name soon
        before = set(processes_in(folder / "postgres"))
        [orphan] = checkpointers(folder)
        os.kill(orphan, signal.SIGSTOP)  # it can't notice that its parent died
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        assert alive(orphan)
        await server.restart()
        assert before & set(living(folder)) == set()


async def test_a_pid_file_whose_number_another_program_got_since_is_no_obstacle(folder: Path) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        (folder / "postgres" / "postmaster.pid").write_text(f"{bystander.pid}\n{folder / 'postgres'}\n0\n5432\n\n\n")
        async with EmbeddedPostgres(folder, configuration=SMALL) as server:
            assert kept(server) == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait(WAIT_S)


async def test_two_supervisors_can_not_hold_one_folder_and_the_second_is_told_who_does(folder: Path) -> None:
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
            await EmbeddedPostgres(folder).__aenter__()
        assert kept(server) == 0


async def test_a_folder_of_another_version_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerFailed, match="written by PostgreSQL 16; this Forecourt brings PostgreSQL 18"):
        await EmbeddedPostgres(folder).__aenter__()
    assert (folder / "postgres" / "base").is_dir()


async def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedServerFailed, match="not a PostgreSQL data folder"):
        await EmbeddedPostgres(tmp_path).__aenter__()
    assert (tmp_path / "postgres" / "thesis.txt").read_text() == "years of work"


async def test_a_folder_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)], stdout=subprocess.DEVNULL)
    await until((tmp_path / "postgres.new" / "PG_VERSION").exists)
    process.kill()
    process.wait(WAIT_S)
    assert not (tmp_path / "postgres").exists()
    async with EmbeddedPostgres(tmp_path, configuration=SMALL) as server:
        run(server, "CREATE TABLE kept (n int)")
        assert kept(server) == 0
    assert not (tmp_path / "postgres.new").exists()


@as_root
async def test_a_full_disk_is_named_as_such_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(tmp_path)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine allows no mounts")
    try:
        with pytest.raises(EmbeddedServerFailed, match=r"the disk that holds .* is full"):
            await EmbeddedPostgres(tmp_path).__aenter__()
        assert [path.name for path in tmp_path.glob("postgres*") if path.is_dir()] == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_path_too_long_for_a_socket_still_works_and_the_socket_stays_private(
    made: Path, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 100)
    shutil.copytree(made / "postgres", deep / "postgres")
    async with EmbeddedPostgres(deep, configuration=SMALL) as server:
        assert kept(server) == 0
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(server.admin_url)["host"]))
        assert not sockets.is_relative_to(tmp_path)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    shutil.rmtree(sockets)


@as_root
async def test_root_runs_it_as_another_user_where_namespaces_are_refused_and_may_change_back(folder: Path) -> None:
    account = harmless_account()
    closed = folder.parent
    closed.chmod(0o700)
    for guise in (Guise(kind="switch", uid=account.pw_uid, gid=account.pw_gid), unprivileged()):
        async with EmbeddedPostgres(folder, guise=guise, configuration=SMALL) as server:
            run(server, "INSERT INTO kept VALUES (1)")
            assert (folder / "postgres").stat().st_uid == guise.owner[0]
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        assert kept(server) == 2
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
async def test_an_ordinary_user_needs_nothing_special(tmp_path: Path) -> None:
    account = harmless_account()
    os.chown(tmp_path, account.pw_uid, account.pw_gid)
    ordinary = Guise(kind="switch", uid=account.pw_uid, gid=account.pw_gid)
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    process = subprocess.Popen(
        launch_command(command, guise=ordinary, death_signal=signal.SIGKILL), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    owners = set()
    for pid in living(tmp_path):
        with suppress(OSError):  # workers of the server come and go
            owners.add(Path(f"/proc/{pid}").stat().st_uid)
    assert owners == {account.pw_uid}
    process.kill()
    process.wait(WAIT_S)
    await until(lambda: living(tmp_path) == [])


async def test_nothing_listens_on_a_network_address(folder: Path) -> None:
    async with EmbeddedPostgres(folder, configuration=SMALL) as server:
        with psycopg.connect(server.admin_url) as connection:
            row = connection.execute("SELECT current_setting('listen_addresses')").fetchone()
        assert row == ("",)
        assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700


async def test_nats_lets_in_those_who_know_its_password_and_keeps_its_port(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        url = server.url
        client = await nats.connect(url)
        await client.close()
        with pytest.raises((nats.errors.Error, asyncio.TimeoutError)):
            await nats.connect(url.replace(url.split("@")[0], "nats://guest:guess"), allow_reconnect=False)
        assert stat.S_IMODE((tmp_path / "nats" / "nats.conf").stat().st_mode) == 0o600
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        await server.restart()
        assert server.url == url
        client = await nats.connect(url)
        await client.close()
    assert living(tmp_path) == []
