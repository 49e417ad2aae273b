"""`forecourt payouts`: how hosts are paid, over the API."""

from typing import Annotated

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url

app = typer.Typer(name="payouts", no_args_is_help=True, help="Payouts to hosts: look, pay now, end one that failed.")

_COLUMNS: list[shown.Column] = [
    ("Number", lambda each: str(each["id"])),
    ("Day", lambda each: each["execution_on"]),
    ("Host", lambda each: each["host_name"]),
    ("State", lambda each: each["state"]),
    ("Amount", lambda each: shown.money(each["amount"])),
    ("Reason", lambda each: each["reason"]),
]


@app.command("list")
def list_(limit: Limit = 50, as_json: AsJson = False, url: Url = None) -> None:
    """List payouts, the latest first."""
    shown.rows(Api(url).listed("payouts", limit=limit), _COLUMNS, as_json=as_json)


@app.command()
def run(url: Url = None) -> None:
    """Pay hosts now who are to be paid today."""
    Api(url).post("payouts", "run")


@app.command()
def fail(
    number: Annotated[int, typer.Argument(help="The payout's number.")],
    reason: Annotated[str, typer.Option(help="Why it never went, as the host will read it.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Give a payout up whose payment account is gone: the host is paid with the next one."""
    shown.facts(Api(url).post("payouts", str(number), "give-up", body={"reason": reason}), as_json=as_json)
