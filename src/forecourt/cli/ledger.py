"""`forecourt ledger`: the books as a file, over the API."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url

app = typer.Typer(
    name="ledger", no_args_is_help=True, help="The ledger: its export, its VAT, its comparison with providers."
)
console = Console(stderr=True)


@app.callback()
def ledger() -> None:
    """The ledger: its export, its VAT, its comparison with providers."""


_VAT: list[shown.Column] = [
    ("Side", lambda each: each["side"]),
    ("Country", lambda each: each["country"] or "-"),
    ("Rate", lambda each: "-" if each["rate"] is None else f"{each['rate']} %"),
    ("Net", lambda each: shown.money(each["net"])),
    ("VAT", lambda each: shown.money(each["vat"])),
    ("Gross", lambda each: shown.money(each["gross"])),
    ("Documents", lambda each: str(each["documents"])),
]


@app.command()
def vat(
    since: Annotated[
        str | None, typer.Option("--from", help="From this time on, with its zone: 2026-03-01T00:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this time, with its zone.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show the VAT of a span by rate and country; of the last 30 days where none is said."""
    found = Api(url).get("ledger", "vat", **{"from": since, "to": until})
    shown.rows(found["items"], _VAT, as_json=as_json)


_LINES: list[shown.Column] = [
    ("Line", lambda each: str(each["id"])),
    ("Booked on", lambda each: each["booked_on"]),
    ("Who", lambda each: each["who"] or "-"),
    ("Amount", lambda each: shown.money(each["amount"])),
    ("Belongs to", lambda each: " ".join(filter(None, (each["matched_by"], each["matched"]))) or "-"),
]
_UNMATCHED: list[shown.Column] = [
    ("Payment", lambda each: each["payment"]),
    ("Amount", lambda each: shown.money(each["amount"])),
]


@app.command()
def unmatched(as_json: AsJson = False, url: Url = None) -> None:
    """List money that was taken and is nobody's, by payment."""
    shown.rows(Api(url).get("ledger", "unmatched")["items"], _UNMATCHED, as_json=as_json)


@app.command("post-unmatched")
def post_unmatched(
    payment: Annotated[str, typer.Argument(help="The payment of which it is.")],
    amount: Annotated[int, typer.Argument(help="How much, in minor units.", min=1)],
    to: Annotated[str, typer.Argument(help="Where it belongs: income, debt, host or bank.")],
    why: Annotated[str, typer.Option(help="Why it belongs there.")],
    host: Annotated[int | None, typer.Option(help="With host: its number.")] = None,
    debt: Annotated[str | None, typer.Option(help="With debt: the payment that is owed.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Post money that is nobody's to where it belongs."""
    asked = {"payment": payment, "amount": amount, "to": to, "why": why, "host": host, "debt": debt}
    _posted(Api(url).post("ledger", "unmatched", body=asked), as_json=as_json)


@app.command("take-back")
def take_back_unmatched(
    entry: Annotated[int, typer.Argument(help="The number of the entry.", min=1)],
    why: Annotated[str, typer.Option(help="Why it is nobody's again.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Take back where money of nobody was posted, by an entry against it."""
    _posted(Api(url).post("ledger", "unmatched", str(entry), "take-back", body={"why": why}), as_json=as_json)


@app.command("unmatch-line")
def unmatch_line(
    line: Annotated[int, typer.Argument(help="Its number, as `bank-lines` lists it.", min=1)],
    why: Annotated[str, typer.Option(help="Why it is not what it was matched with.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Take back what a line of the bank was matched with, by an entry against it."""
    shown.rows([Api(url).post("bank-lines", str(line), "unmatch", body={"why": why})], _LINES, as_json=as_json)


@app.command("bank-lines")
def bank_lines(as_json: AsJson = False, url: Url = None) -> None:
    """List the latest lines of the bank's statements, with what they are matched with."""
    shown.rows(Api(url).get("bank-lines")["items"], _LINES, as_json=as_json)


def _posted(entry: dict[str, Any], *, as_json: bool) -> None:
    columns: list[shown.Column] = [
        ("Account", lambda each: each["account"]),
        ("Amount", lambda each: shown.money(each["amount"])),
    ]
    shown.rows([entry] if as_json else entry["legs"], columns, as_json=as_json)


_FILE = typer.Argument(help="The bank's file.", exists=True, dir_okay=False)


_OURS = typer.Option("--ours", help="Its account is yours, though you pay from another one.")


@app.command("read-statement")
def read_statement(
    file: Annotated[Path, _FILE], ours: Annotated[bool, _OURS] = False, as_json: AsJson = False, url: Url = None
) -> None:
    """Read a bank's statement (camt.053). Read again it changes nothing."""
    said = Api(url).post("bank-lines", "import", body={"camt": _xml(file), "ours": ours})
    columns: list[shown.Column] = [
        ("Lines", lambda each: str(each["lines"])),
        ("New", lambda each: str(each["new"])),
        ("Belong to something", lambda each: str(each["matched"])),
        ("Belong to nothing", lambda each: str(each["unmatched"])),
    ]
    shown.rows([said], columns, as_json=as_json)


@app.command("read-report")
def read_report(file: Annotated[Path, _FILE], as_json: AsJson = False, url: Url = None) -> None:
    """Read a bank's report on a file of payouts or direct debits (pain.002). Read again it changes nothing."""
    said = Api(url).post("bank-reports", "import", body={"pain": _xml(file)})
    console.print(
        f"{said['file']}: {said['accepted']} accepted, {said['open']} open, {said['refused']} refused,"
        f" {said['unknown']} none of yours"
    )
    columns: list[shown.Column] = [
        ("Name", lambda each: each["reference"]),
        ("What came of it", lambda each: each["outcome"]),
        ("Reason", lambda each: f"{each['reason']} {each['meaning']}".strip() or "-"),
    ]
    shown.rows([said] if as_json else said["lines"], columns, as_json=as_json)


def _xml(file: Path) -> str:
    """A file of XML as a text, which the API takes in UTF-8, as banks write."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        console.print(f"{file} is not written in UTF-8. Give it to the page Bank statements.")
        raise typer.Exit(1) from fault


@app.command()
def compare(url: Url = None) -> None:
    """Compare every account with the journal now, as every night."""
    Api(url).post("reconciliation", "run")


@app.command()
def export(
    beancount: Annotated[Path, typer.Option("--beancount", help="Write the ledger here, for beancount's tools.")],
    until: Annotated[
        str | None, typer.Option(help="Only what happened before this time, with its zone: 2026-04-01T00:00:00Z.")
    ] = None,
    url: Url = None,
) -> None:
    """Write every entry as a transaction, and what every account comes to."""
    try:
        with (
            Api(url).stream("ledger", "export.beancount", to=until) as lines,
            beancount.open("w", encoding="utf-8") as file,
        ):
            file.writelines(f"{line}\n" for line in lines)
    except OSError as fault:
        console.print(f"[bold red]{beancount} can't be written.[/] {fault}", highlight=False)
        raise typer.Exit(1) from None
