"""`forecourt contracts`: whose contracts of Plug & Charge are trusted, and how they are judged."""

from pathlib import Path
from typing import Annotated

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url
from forecourt.cli.shown import moment
from forecourt.platform.errors import ForecourtError

app = typer.Typer(name="contracts", no_args_is_help=True, help="Contracts of Plug & Charge: whom to trust, and how.")

_ROOTS: list[shown.Column] = [
    ("Fingerprint", lambda each: each["fingerprint"]),
    ("Subject", lambda each: each["subject"]),
    ("Until", lambda each: moment(each["not_after"])),
]


class PemUnreadable(ForecourtError):
    """The file can't be read as text. Give the certificate of an authority in PEM."""

    code = "pem-unreadable"


@app.command("list")
def list_(as_json: AsJson = False, url: Url = None) -> None:
    """List the authorities whose contracts are trusted."""
    shown.rows(Api(url).get("contract-roots"), _ROOTS, as_json=as_json)


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="The certificate of an authority, in PEM.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Trust the contracts under an authority."""
    try:
        pem = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise PemUnreadable from None
    shown.facts(Api(url).post("contract-roots", body={"pem": pem}), as_json=as_json)


@app.command()
def distrust(fingerprint: Annotated[str, typer.Argument(help="As `list` shows it.")], url: Url = None) -> None:
    """Trust an authority no more."""
    Api(url).delete("contract-roots", fingerprint)
    shown.line(f"{fingerprint} is trusted no more.")


@app.command()
def rules(as_json: AsJson = False, url: Url = None) -> None:
    """Show how contracts are judged."""
    shown.facts(Api(url).get("contract-rules"), as_json=as_json)
