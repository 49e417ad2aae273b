"""`forecourt fleets`: who is billed for whom, over the API."""

from typing import Annotated, Any

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url

app = typer.Typer(name="fleets", no_args_is_help=True, help="Fleets: look, make, change, members, invoices.")

Number = Annotated[int, typer.Argument(help="The fleet's number.")]
Driver = Annotated[int, typer.Argument(help="The driver's number.")]
Name = Annotated[str | None, typer.Option(help="As people call it.")]
BillTo = Annotated[str | None, typer.Option(help="Whom invoices are for.")]
Email = Annotated[str | None, typer.Option(help="Where invoices go.")]
SessionLimit = Annotated[int | None, typer.Option(help="Of one session, in minor units with taxes.")]
MonthLimit = Annotated[int | None, typer.Option(help="Of a month, in minor units with taxes.")]

_COLUMNS: list[shown.Column] = [
    ("Number", lambda each: str(each["fleet_id"])),
    ("Name", lambda each: each["name"]),
    ("Members", lambda each: str(each["members"])),
    ("This month", lambda each: f"{shown.major(each['spent'], each['currency'])} {each['currency']}"),
    ("Limit", lambda each: shown.major(each["month_limit"], each["currency"])),
    ("Held since", lambda each: shown.moment(each["held_at"])),
]
_INVOICES: list[shown.Column] = [
    ("Number", lambda each: each["number"]),
    ("Id", lambda each: str(each["id"])),
    ("Fleet", lambda each: each["fleet_name"]),
    ("State", lambda each: each["state"]),
    ("Issued", lambda each: each["issued_on"]),
    ("Due", lambda each: each["due_on"]),
    ("Total", lambda each: shown.money(each["total"])),
    ("Open", lambda each: shown.major(each["open"], each["total"]["currency"])),
]


@app.command("list")
def list_(as_json: AsJson = False, url: Url = None) -> None:
    """List fleets by name."""
    shown.rows(Api(url).get("fleets")["items"], _COLUMNS, as_json=as_json)


@app.command()
def show(number: Number, as_json: AsJson = False, url: Url = None) -> None:
    """Show a fleet with its members."""
    whole = Api(url).get("fleets", str(number))
    shown.facts({**whole["fleet"], "drivers": whole["members"]}, as_json=as_json)


@app.command()
def account(number: Number, as_json: AsJson = False, url: Url = None) -> None:
    """Show what a fleet owes, invoiced and not yet, and what went beyond its limits."""
    shown.facts(Api(url).get("fleets", str(number), "account"), as_json=as_json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="As people call it.")],
    currency: Annotated[str, typer.Option(help="In which it is billed; stays.")],
    bill_to: BillTo = None,
    email: Email = None,
    session_limit: SessionLimit = None,
    month_limit: MonthLimit = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a fleet."""
    said = {"bill_to": bill_to, "email": email, "session_limit": session_limit, "month_limit": month_limit}
    body = {"name": name, "currency": currency, **_said(said)}
    shown.facts(Api(url).post("fleets", body=body), as_json=as_json)


@app.command("set")
def set_(
    number: Number,
    name: Name = None,
    bill_to: BillTo = None,
    email: Email = None,
    session_limit: SessionLimit = None,
    month_limit: MonthLimit = None,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Off: it pays for nothing.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Change a fleet."""
    said = {
        "name": name, "bill_to": bill_to, "email": email, "session_limit": session_limit, "month_limit": month_limit,
        "active": active,
    }  # fmt: skip
    shown.facts(Api(url).patch("fleets", str(number), body=_said(said)), as_json=as_json)


@app.command()
def put(
    number: Number,
    driver: Driver,
    cost_centre: Annotated[str | None, typer.Option(help="Under which their sessions stand on invoices.")] = None,
    session_limit: SessionLimit = None,
    month_limit: MonthLimit = None,
    url: Url = None,
) -> None:
    """Put a driver into a fleet, or say their limits and cost centre anew."""
    said = {"cost_centre": cost_centre, "session_limit": session_limit, "month_limit": month_limit}
    Api(url).put("fleets", str(number), "members", str(driver), body=_said(said))


@app.command()
def remove(number: Number, driver: Driver, url: Url = None) -> None:
    """Take a driver out of a fleet."""
    Api(url).delete("fleets", str(number), "members", str(driver))


@app.command()
def invoices(
    number: Annotated[int | None, typer.Argument(help="The fleet's number; else of all.")] = None,
    standing: Annotated[bool, typer.Option("--open", help="Only those of which something is open.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List invoices and credit notes, the latest first."""
    found = Api(url).listed("fleet-invoices", fleet=number, standing=standing, limit=limit)
    shown.rows(found, _INVOICES, as_json=as_json)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
