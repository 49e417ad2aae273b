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


_CERTIFICATES: list[shown.Column] = [
    ("Subject", lambda each: each["subject"]),
    ("Until", lambda each: moment(each["not_after"])),
    ("Responder says", lambda each: each["standing"] or "-"),
]


class PemUnreadable(ForecourtError):
    """The file can't be read as text. Give certificates in PEM."""

    code = "pem-unreadable"


@app.command("list")
def list_(as_json: AsJson = False, url: Url = None) -> None:
    """List the authorities whose contracts are trusted."""
    shown.rows(Api(url).get("contract-roots")["items"], _ROOTS, as_json=as_json)


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="The certificate of an authority, in PEM.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Trust the contracts under an authority."""
    shown.facts(Api(url).post("contract-roots", body={"pem": _pem(file)}), as_json=as_json)


@app.command()
def distrust(fingerprint: Annotated[str, typer.Argument(help="As `list` shows it.")], url: Url = None) -> None:
    """Trust an authority no more."""
    Api(url).delete("contract-roots", fingerprint)
    shown.line(f"{fingerprint} is trusted no more.")


@app.command()
def rules(as_json: AsJson = False, url: Url = None) -> None:
    """Show how contracts are judged."""
    shown.facts(Api(url).get("contract-rules"), as_json=as_json)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Its certificates in PEM, the contract's own first.")],
    emaid: Annotated[str | None, typer.Option(help="As the car says it, if the certificate names another.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Look at the certificates of a contract, to see what they are worth."""
    look = Api(url).post("contract-rules", "test", body={"pem": _pem(file), "emaid": emaid})
    if as_json:
        shown.facts(look, as_json=True)
        return
    shown.facts(
        {"emaid": look["emaid"], "status": look["status"], "token": look["token"] or "not registered"}, as_json=False
    )
    shown.rows(look["certificates"], _CERTIFICATES, as_json=False)


def _pem(file: Path) -> str:
    """Raises PemUnreadable."""
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise PemUnreadable from None
