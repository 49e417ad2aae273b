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
    ("Way", lambda each: each["way"]),
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
def paid(
    number: Annotated[int, typer.Argument(help="The payout's number.")],
    on: Annotated[str, typer.Option(help="The day on which the money went, such as 2026-03-02.")],
    reference: Annotated[str, typer.Option(help="By which the bank or the host finds it.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Say that a payout was paid by hand: it is posted then."""
    body = {"on": on, "reference": reference}
    shown.facts(Api(url).post("payouts", str(number), "paid-by-hand", body=body), as_json=as_json)


@app.command()
def booked(
    number: Annotated[int, typer.Argument(help="The payout's number.")],
    on: Annotated[str, typer.Option(help="The day on which the bank booked it, such as 2026-03-02.")],
    reason: Annotated[str, typer.Option(help="Whence you know. It stands in the audit.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Say that the bank booked a payout of a file, where no statement tells."""
    shown.facts(
        Api(url).post("payouts", str(number), "booked", body={"on": on, "reason": reason}), as_json=as_json
    )  # fmt: skip


@app.command("not-booked")
def not_booked(
    number: Annotated[int, typer.Argument(help="The payout's number.")],
    reason: Annotated[str, typer.Option(help="Why it is taken back. It stands in the audit.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Take back that the bank booked a payout: it waits in its file again."""
    shown.facts(Api(url).post("payouts", str(number), "not-booked", body={"reason": reason}), as_json=as_json)


@app.command()
def fail(
    number: Annotated[int, typer.Argument(help="The payout's number.")],
    reason: Annotated[str, typer.Option(help="Why it never went, as the host will read it.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Give a payout up that never went: by hand it could not be paid, or its payment account is gone."""
    shown.facts(Api(url).post("payouts", str(number), "give-up", body={"reason": reason}), as_json=as_json)
