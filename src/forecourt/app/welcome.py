"""What a person reads when Forecourt is up: where to look, how to sign in, where it is kept, how to stop it."""

from typing import TYPE_CHECKING

from rich.box import ROUNDED
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from forecourt.platform.settings import Settings

if TYPE_CHECKING:
    from forecourt.app.bootstrap import Bootstrapped

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared with, not listened on


def welcome(settings: Settings, bootstrapped: "Bootstrapped | None", *, demo: bool) -> Panel:
    """The summary; shows a password only of the demo, which is no secret."""
    host = "localhost" if settings.host in EVERYWHERE else settings.host
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    console = f"http://{host}:{settings.web_port}"
    rows.add_row("Console", Text(console, style=f"bold cyan link {console}"))
    if bootstrapped is not None and bootstrapped.email and bootstrapped.password:
        rows.add_row("Sign in", Text.assemble((bootstrapped.email, "bold"), "  ", (bootstrapped.password, "bold")))
    elif bootstrapped is not None and bootstrapped.email:
        where = f"password in {bootstrapped.password_file}"
        rows.add_row("Sign in", Text.assemble((bootstrapped.email, "bold"), "  ", where))
    rows.add_row("Stations", f"ws://{host}:{settings.ocpp_port}/ocpp/[dim]{{station id}}[/]")
    rows.add_row("API", f"{console}/api/v1/openapi.json")
    rows.add_row("Kept in", str(settings.data_dir))
    rows.add_row("Stop", "Ctrl-C")
    title = "Forecourt is up, with the demo" if demo else "Forecourt is up"
    return Panel(rows, title=f"[bold]{title}[/]", title_align="left", box=ROUNDED, border_style="cyan", expand=False)
