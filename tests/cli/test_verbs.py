"""The verbs of the command line as a shell runs them, against the real web and a real gateway."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.cli.conftest import Said, Shell
from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_sessions_over_sockets import boot, start
from tests.stations.pki import Holder
from tests.support import WAIT_S


async def test_authorities_are_trusted_by_a_file_and_taken_away_again(shell: Shell, tmp_path: Path) -> None:
    file, chain, root = tmp_path / "root.pem", tmp_path / "contract.pem", Holder("MO root")
    file.write_text(root.pem)
    [made] = (await shell.run("contracts", "trust", str(file), "--json")).json()
    [listed] = (await shell.run("contracts", "list", "--json")).json()
    assert (listed, made["subject"]) == (made, "CN=MO root")
    chain.write_text(Holder("DE8AACA2B3C4D51", root, ca=False).pem)
    looked = (await shell.run("contracts", "check", str(chain))).out
    assert all(word in looked for word in ("Accepted", "not registered", "CN=DE8AACA2B3C4D51"))
    [other] = (await shell.run("contracts", "check", str(chain), "--emaid", "DE8AACA2B3C4D5X", "--json")).json()
    assert other["status"] == "CertChainError"
    assert "no more" in (await shell.run("contracts", "distrust", made["fingerprint"])).out
    assert (await shell.run("contracts", "list", "--json")).json() == []
    [rules] = (await shell.run("contracts", "rules", "--json")).json()
    assert (rules["required"], rules["unproven"]) == (False, "accept")
    file.write_text("nothing")
    refused = await shell.run("contracts", "trust", str(file))
    assert refused.code == 1
    assert "no certificate of an authority" in refused.err


async def test_a_banks_files_are_read(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "bank.xml"
    file.write_text(
        "<Document><CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>FC-1</OrgnlMsgId><GrpSts>RJCT</GrpSts>"
        "</OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
    )
    said = await shell.run("ledger", "read-report", str(file))
    assert (said.code, "FC-1" in said.out, "1 none of yours" in said.err) == (0, True, True)
    [read] = (await shell.run("ledger", "read-report", str(file), "--json")).json()
    assert [each["outcome"] for each in read["lines"]] == ["unknown"]
    assert (await shell.run("ledger", "read-statement", str(file))).code == 1, "it is none"
    file.write_text("<Document><BkToCstmrStmt><Stmt><Id>1</Id></Stmt></BkToCstmrStmt></Document>")
    assert (await shell.run("ledger", "read-statement", str(file), "--json")).json()[0]["lines"] == 0
    file.write_bytes(b"\xff\xfe")
    assert (await shell.run("ledger", "read-report", str(file))).code == 1


async def test_payouts_and_vat_are_read_and_a_payout_that_is_not_there_is_not_given_up(shell: Shell) -> None:
    assert (await shell.run("ledger", "vat", "--from", "2026-03-01T00:00:00Z", "--json")).json() == []
    assert (await shell.run("ledger", "vat", "--to", "2026-03-01T00:00:00")).code == 1, "without a zone"
    assert (await shell.run("ledger", "compare")).code == 0
    assert (await shell.run("payouts", "run")).code == 0
    assert (await shell.run("payouts", "list", "--json")).json() == []
    refused = await shell.run("payouts", "paid", "1", "--on", "2026-03-02", "--reference", "PAYOUT-1")
    assert (refused.code, "There is no such payout." in refused.err) == (3, True)
    for verb in (("booked", "1", "--on", "2026-03-02", "--reason", "Seen"), ("not-booked", "1", "--reason", "Another")):
        refused = await shell.run("payouts", *verb)
        assert (refused.code, "There is no such payout." in refused.err) == (3, True)
    refused = await shell.run("payouts", "fail", "1", "--reason", "Closed")
    assert (refused.code, "There is no such payout." in refused.err) == (3, True)


async def test_fleets_are_made_changed_and_looked_at(shell: Shell) -> None:
    [made] = (await shell.run("fleets", "add", "Vans", "--currency", "EUR", "--month-limit", "20000", "--json")).json()
    number = str(made["fleet_id"])
    changed = await shell.run("fleets", "set", number, "--email", "office@vans.test", "--off")
    assert changed.code == 0
    [one] = (await shell.run("fleets", "show", number, "--json")).json()
    assert (one["name"], one["email"], one["active"], one["month_limit"], one["drivers"]) == (
        "Vans", "office@vans.test", False, 20_000, [],
    )  # fmt: skip
    listed = (await shell.run("fleets", "list")).out
    assert all(word in listed for word in ("Vans", "0.00 EUR", "200.00"))
    account = (await shell.run("fleets", "account", number, "--json")).json()
    assert account == [{"open": [], "unbilled": [], "left_over": [], "over_limit": []}]
    assert (await shell.run("fleets", "invoices", number, "--json")).json() == []
    nobody = await shell.run("fleets", "put", number, "999999", "--cost-centre", "4711")
    assert (nobody.code, "There is no such driver." in nobody.err) == (3, True)
    assert (await shell.run("fleets", "remove", number, "999999")).code == 3


async def test_the_registry_is_read_and_changed(shell: Shell, tmp_path: Path) -> None:
    assert (await shell.run("sites", "add", "North yard", "--city", "Berlin", "--country", "DE")).code == 0
    assert [each["slug"] for each in (await shell.run("sites", "list", "--json")).json()] == ["north-yard"]
    added = await shell.run("stations", "add", "CP3", "--site", "north-yard", "--max-power-w", "22000")
    assert "Password, shown this once: " in added.out
    listed = await shell.run("stations", "list", "--site", "north-yard")
    assert listed.code == 0
    assert all(word in listed.out for word in ("CP3", "north-yard", "Offline", "22.0"))
    await shell.run("stations", "set", "CP3", "--name", "Pillar")
    [station] = (await shell.run("stations", "show", "CP3", "--json")).json()
    assert (station["name"], station["site"]) == ("Pillar", "north-yard")
    assert (await shell.run("bulk", "plan", "--site", "north-yard", "--ids")).out.split() == ["CP3"]
    asked = await shell.run("bulk", "registration", "pending", "CP3")
    run = asked.out.split()[1]
    assert (asked.code, "1 waiting" in asked.out) == (0, True)
    assert "stopping" in (await shell.run("bulk", "stop", run)).out
    shown = await shell.run("bulk", "show", run)
    assert all(word in shown.out for word in ("pending", "CP3", "waiting"))
    assert [each["id"] for each in (await shell.run("bulk", "list", "--json")).json()] == [run]
    sheet = tmp_path / "nl.csv.gz"
    sheet.write_bytes(gzip.compress(b"# a note\nutc,eur_per_mwh\n2026-03-01T00:00:00Z,81.25\n2026-03-01T01:00:00Z,9\n"))
    loaded = await shell.run("energy", "prices", "import", str(sheet), "--zone", "NL", "--json")
    assert loaded.json() == [{"values": 2, "changed": 2}]
    feed = tmp_path / "feed.json"
    feed.write_text('{"name": "Prices", "active": false, "source": {"kind": "nordpool", "area": "SE3"}}')
    [made] = (await shell.run("energy", "feeds", "add", "north-yard", str(feed), "--json")).json()
    assert (await shell.run("energy", "feeds", "fetch", "north-yard", str(made["feed_id"]))).code == 0
    fed = (await shell.run("energy", "feeds", "list", "north-yard")).out
    assert all(word in fed for word in ("Prices", "nordpool"))
    sold = tmp_path / "tariff.json"
    price = {"type": "ENERGY", "price": 0.395, "step_size": 1}
    sold.write_text(json.dumps({"id": "day", "currency": "EUR", "elements": [{"price_components": [price]}]}))
    assert "day is version 1" in (await shell.run("tariffs", "import", str(sold))).out
    [tariff] = (await shell.run("tariffs", "list", "--json")).json()
    assert (await shell.run("tariffs", "assign", tariff["id"], "--site", "north-yard")).code == 0
    [given] = (await shell.run("tariffs", "assigned", "--json")).json()
    assert (given["site"], given["tariff_name"]) == ("north-yard", "day")
    assert '"price":0.395' in (await shell.run("tariffs", "show", tariff["id"], "--ocpi")).out
    assert (await shell.run("tariffs", "unassign", given["id"])).code == 0
    assert (await shell.run("tariffs", "end", tariff["id"])).code == 0
    assert (await shell.run("tariffs", "import", str(tmp_path / "none.json"))).code == 1
    await shell.run("tokens", "add", "04AB")
    await shell.run("tokens", "set", "04ab", "--group", "FLEET")
    await shell.run("tokens", "block", "04ab")
    [token] = (await shell.run("tokens", "list", "--json")).json()
    assert (token["uid"], token["status"], token["group"]) == ("04AB", "blocked", "FLEET")
    assert (await shell.run("sessions", "list")).out.strip() == "Nothing to list."


async def test_a_stranger_is_listed_dismissed_and_adopted(rig: Rig, shell: Shell) -> None:
    rig.admin.execute("INSERT INTO inboxes (tenant_id, code) VALUES (%s, '0123456789ab')", (rig.tenant(),))
    with pytest.raises(websockets.InvalidStatus):
        async with rig.station("NEW-1", path="/ocpp/0123456789ab/"):
            pass
    await rig.gateway.write_knocks()
    [stranger] = (await shell.run("inbox", "list", "--json")).json()
    assert (stranger["id"], stranger["reason"], stranger["has_password"]) == ("NEW-1", "unknown", True)
    assert "is not shown before" in (await shell.run("inbox", "dismiss", "NEW-1")).out
    assert (await shell.run("inbox", "list")).out.strip() == "Nothing to list."
    adopted = await shell.run("inbox", "adopt", "NEW-1", "--keep-password")
    assert "Password, shown this once" not in adopted.out
    async with rig.station("NEW-1") as station:
        assert (await boot(station))["status"] == "Accepted"
    assert (await shell.run("inbox", "adopt", "NEW-1")).code == 3


async def test_a_station_is_asked_and_its_word_is_the_exit_code(rig: Rig, shell: Shell) -> None:
    await rig.register("CP1")
    rig.token("TAG1")
    offline = await shell.run("stations", "reset", "CP1")
    assert (offline.code, "not connected" in offline.err) == (5, True)
    async with rig.station("CP1") as station:
        await boot(station)

        async def answered(payload: dict[str, Any], *arguments: str) -> tuple[list[Any], Said]:
            asking = asyncio.create_task(shell.run(*arguments))
            ask = await station.next_ask()
            await station.link.send(json.dumps([3, ask[1], payload]))
            return ask[2:], await asking

        accepted = {"status": "Accepted"}
        asked, said = await answered(accepted, "stations", "reset", "CP1", "--hard")
        assert (asked, said.code) == (["Reset", {"type": "Hard"}], 0)
        asked, said = await answered({"status": "NotSupported"}, "stations", "unlock", "CP1")
        assert (asked, said.code) == (["UnlockConnector", {"connectorId": 1}], 7)
        assert "NotSupported" in said.err
        asked, said = await answered({"status": "Rejected"}, "stations", "start", "CP1", "--token", "TAG1")
        assert (asked[0], said.code) == ("RemoteStartTransaction", 7)
        keys = {"configurationKey": [], "unknownKey": ["X"]}
        asked, said = await answered(keys, "stations", "call", "CP1", "GetConfiguration", '{"key": ["X"]}')
        assert asked == ["GetConfiguration", {"key": ["X"]}]
        assert said.json() == [keys]
        told = {"configurationKey": [{"key": "Locale", "readonly": False, "value": "en"}]}
        _, said = await answered(told, "variables", "read", "CP1")
        assert (said.code, said.out.strip()) == (0, "The station told 1.")
        asked, said = await answered({"status": "Rejected"}, "variables", "set", "CP1", "Locale=de=x")
        assert (asked, said.code) == (["ChangeConfiguration", {"key": "Locale", "value": "de=x"}], 7)
        assert "Locale" in said.err
        [key] = (await shell.run("variables", "list", "CP1", "--json")).json()
        assert (key["variable"], key["value"]) == ("Locale", "en")
        await station.call("StartTransaction", start("TAG1"))
        [session] = (await shell.run("sessions", "list", "--status", "active", "--json")).json()
        asked, said = await answered(accepted, "sessions", "stop", session["id"])
        assert (asked[0], said.code) == ("RemoteStopTransaction", 0)
        [shown] = (await shell.run("sessions", "show", session["id"], "--json")).json()
        assert shown["token"] == "TAG1"
        log = (await shell.run("stations", "messages", "CP1", "--action", "StartTransaction", "--json")).json()
        assert [each["direction"] for each in log] == ["out", "in"]
        watching = await shell.start("stations", "watch", "CP1", "--json")
        assert watching.stdout is not None
        first = json.loads(await asyncio.wait_for(watching.stdout.readline(), WAIT_S))
        assert "station.CP1.state" in first["snapshot"]
        watching.terminate()
        await watching.wait()


async def test_what_is_wrong_is_a_sentence_and_an_exit_code(shell: Shell, tmp_path: Path) -> None:
    unknown = await shell.run("stations", "show", "NOBODY")
    assert (unknown.code, unknown.out) == (3, "")
    assert "There is no such station" in unknown.err
    wrong = await shell.run("stations", "add", "CP1", "--registration", "perhaps")
    assert wrong.code == 1
    assert "registration" in wrong.err
    assert (await shell.run("stations", "call", "CP1", "Reset", "[1]")).code == 2
    await shell.run("stations", "add", "CP2")
    assert (await shell.run("stations", "add", "CP2")).code == 5
    shell.env["FORECOURT_API_KEY"] = "fc_wrong"
    assert (await shell.run("stations", "list")).code == 4
    del shell.env["FORECOURT_API_KEY"]
    missing = await shell.run("stations", "list")
    assert (missing.code, "FORECOURT_API_KEY" in missing.err) == (4, True)
    (tmp_path / "demo.json").write_text(json.dumps({"email": "", "password": "", "api_key": shell.key}))
    assert (await shell.run("stations", "list")).code == 0, "the demo's key is taken where it is at hand"
    away = await shell.run("stations", "list", "--url", "http://127.0.0.1:1")
    assert (away.code, "Nothing answers" in away.err) == (6, True)
