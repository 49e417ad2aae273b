"""Every way a secret comes: by the API, stations, forms, letters, a provider, the shell, and what goes wrong."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyotp
import pytest
import websockets

from tests.access.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.cli.conftest import Forker
from tests.receiver import Receiver
from tests.spine.processes import until
from tests.spine.seeds import CARD, NEWCOMER, OWNER, Seeds, World
from tests.spine.test_api import KEY
from tests.stations.gateway.conftest import StationClient


async def by_the_api(world: World, receiver: Receiver) -> None:
    seeds = world.seeds
    await world.ask("POST", "/sites", {"name": "Yard"}, status=201)
    await world.ask("POST", "/tokens", {"uid": "TAG1", "type": "ISO14443", "status": "accepted"}, status=201)
    made = await world.ask("POST", "/stations", {"id": "MADE"}, status=201)
    seeds.know("station password that was made", made["password"])
    for identity in ("CP16", "CP20"):
        first = {"id": identity, "site": "yard", "password": seeds.new(f"old password of {identity}")}
        await world.say("POST", "/stations", first)
        await world.say("PATCH", f"/stations/{identity}", {"password": seeds.new(f"password of {identity}")})
    again = {"name": "App", "role": "owner"}
    answers = [
        await world.http.post("/keys", json=again, headers={"idempotency-key": "one-and-the-same"}) for _ in range(2)
    ]
    assert answers[0].json()["key"] == answers[1].json()["key"]
    seeds.know("API key", answers[0].json()["key"])
    events = ["station.connected", "session.started", "token.changed"]
    hook = await world.ask("POST", "/webhooks", {"url": receiver.url, "events": events}, status=201)
    number = hook["webhook"]["id"]
    seeds.know("webhook secret", hook["secret"])
    rotated = await world.ask("POST", f"/webhooks/{number}/rotate-secret")
    seeds.know("webhook secret after it was changed", rotated["secret"])
    await world.say("POST", f"/webhooks/{number}/test")
    asked = await world.ask("PUT", "/authorization-hook", {"url": receiver.url, "deadline_ms": 1_000})
    seeds.know("secret of the outside service", asked["secret"])
    asked = await world.ask("POST", "/authorization-hook/rotate-secret")
    seeds.know("secret of the outside service after it was changed", asked["secret"])
    await world.say("POST", "/authorization-hook/test", {"uid": "TAG1", "type": "ISO14443"})
    await world.say("PATCH", "/tokens/TAG1", {"status": "blocked"})
    sheet = (
        f"id,password,name\nSHEET1,{seeds.new('password in a sheet')},One\nSHEET2,{seeds.new('bad password')}\x07,Two\n"
    )
    for apply in ("false", "true"):
        answer = await world.http.post(
            f"/stations/import?apply={apply}", content=sheet, headers={"content-type": "text/csv"}
        )
        seeds.hear("the answer to an import", answer.text)


async def by_stations(world: World) -> None:
    seeds = world.seeds
    async with world.station("CP16", seeds.all["password of CP16"]) as station:
        await say_what_16_says(station, seeds)
        await asks_of_16(world, station)
    async with world.station("CP20", seeds.all["password of CP20"], "ocpp2.0.1") as station:
        await say_what_20_says(station, seeds)
        await asks_of_20(world, station)
    for identity, password in (("CP16", seeds.new("wrong station password")), ("NOBODY", seeds.new("a stranger's"))):
        with pytest.raises(websockets.InvalidStatus):
            async with world.station(identity, password):
                pass
    with pytest.raises(websockets.InvalidStatus):
        address = f"ws://127.0.0.1:{world.ocpp_port}/ocpp/CP16?password={seeds.new('password in a station address')}"
        async with websockets.connect(address, subprotocols=[websockets.Subprotocol("ocpp1.6")]):
            pass


async def say_what_16_says(station: StationClient, seeds: Seeds) -> None:
    calls: list[tuple[str, Any]] = [
        ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M", "password": seeds.new("boot field")}),
        ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}),
        ("DataTransfer", {"vendorId": "V", "data": json.dumps({"password": seeds.new("transfer password")})}),
        ("DataTransfer", {"vendorId": "V", "data": f"pin={seeds.new('transfer pin')}"}),
        ("DataTransfer", {"vendorId": "V", "data": json.dumps({"cardNumber": seeds.know("card", CARD)})}),
        ("DataTransfer", {"vendorId": "V", "data": f"paid by {CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}"}),
        ("DataTransfer", {"vendorId": "V", "data": pem(seeds, "transfer private key")}),
        ("Made_up", {"authorizationKey": seeds.new("unknown action")}),
        ("StatusNotification", {"connectorId": "one", "secret": seeds.new("wrong type")}),
        ("Authorize", {"idTag": "TAG1", "password": seeds.new("authorize field")}),
        ("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError",
                                "info": f"pw={seeds.new('status info')}",
                                "vendorErrorCode": f"ftp://u:{seeds.new('error code')}@h"}),
    ]  # fmt: skip
    for action, payload in calls:
        await station.call(action, payload)
    for broken in (
        f'[2,"b1","DataTransfer",{{"vendorId":"V","data":"password={seeds.new("broken frame")}',
        f'{{"password": "{seeds.new("no frame")}"}}',
        f'[2,"b2","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{seeds.new("wrong way round")}"}}]',
    ):
        await station.link.send(broken)
    await station.call("Heartbeat", {})


async def say_what_20_says(station: StationClient, seeds: Seeds) -> None:
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    value = {"variableAttribute": [{"value": seeds.new("reported password")}]}
    report = {"requestId": 1, "generatedAt": "2026-03-01T12:00:00Z", "seqNo": 0, "reportData": [variable | value]}
    security = {"type": "InvalidMessages", "timestamp": "2026-03-01T12:00:00Z"}
    for action, payload in (
        ("BootNotification", boot | {"customData": {"vendorId": "V", "password": seeds.new("custom password")}}),
        ("BootNotification", boot),
        ("NotifyReport", report),
        ("SecurityEventNotification", security | {"techInfo": f"password: {seeds.new('security event')}"}),
        ("SignCertificate", {"csr": pem(seeds, "private key in place of a request")}),
        ("DataTransfer", {"vendorId": "V", "data": {"apiKey": seeds.new("transfer key"), "pan": CARD}}),
    ):
        await station.call(action, payload)


async def asks_of_16(world: World, station: StationClient) -> None:
    """Calls with a secret each; the station repeats it in how it refuses."""
    seeds = world.seeds
    user = f"ftp://user:{seeds.new('diagnostics password')}@files.example/logs"
    firmware = f"https://user:{seeds.new('firmware password')}@files.example/f.bin"
    given, refused = seeds.new("password given by a call"), seeds.new("password refused by a station")
    for action, payload, answer in (
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": given}, {"status": "Accepted"}),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": refused}, f"{refused} is not good"),
        ("GetConfiguration", {}, {"configurationKey": [
            {"key": "AuthorizationKey", "readonly": False, "value": seeds.new("configured password")}]}),
        ("GetDiagnostics", {"location": user}, {"fileName": "x"}),
        ("UpdateFirmware", {"location": firmware, "retrieveDate": "2026-03-01T12:00:00Z"}, {}),
        ("DataTransfer", {"vendorId": "V", "data": f"secret: {seeds.new('transfer to a station')}"},
         {"status": "Accepted", "data": f"password={seeds.new('answer of a transfer')}"}),
    ):  # fmt: skip
        await _ask(world, station, "CP16", action, payload, answer)
    await world.say("POST", "/stations/CP16/calls", {"action": "Reset", "payload": {"password": seeds.new("surplus")}})


async def asks_of_20(world: World, station: StationClient) -> None:
    seeds = world.seeds
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    profile = {
        "ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": f"wss://u:{seeds.new('address')}@csms.example",
        "messageTimeout": 30, "securityProfile": 1, "ocppInterface": "Wired0",
        "apn": {"apn": "internet", "apnUserName": "u", "apnPassword": seeds.new("apn password"), "simPin": 1234,
                "apnAuthentication": "AUTO"},
        "vpn": {"server": "vpn.example", "user": "u", "password": seeds.new("vpn password"),
                "key": seeds.new("vpn key"), "type": "IKEv2"},
    }  # fmt: skip
    log = {"remoteLocation": f"https://u:{seeds.new('log password')}@files.example/log"}
    for action, payload, answer in (
        ("SetVariables", {"setVariableData": [variable | {"attributeValue": seeds.new("password by variables")}]},
         {"setVariableResult": [variable | {"attributeStatus": "Accepted"}]}),
        ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": profile}, {"status": "Accepted"}),
        ("GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": log}, {"status": "Accepted"}),
        ("CertificateSigned", {"certificateChain": pem(seeds, "private key sent to a station")},
         {"status": "Rejected"}),
    ):  # fmt: skip
        await _ask(world, station, "CP20", action, payload, answer)


async def _ask(world: World, station: StationClient, identity: str, action: str, payload: Any, answer: Any) -> None:
    call = {"action": action, "payload": payload}
    # Answers to what was broken lie there too.
    station.asked = [frame for frame in station.asked if frame[0] == 2]
    # What a station answers is told to who asked, as it came, and kept without its secrets.
    asking = asyncio.create_task(world.http.post(f"/stations/{identity}/calls", json=call))
    next_ask = asyncio.create_task(station.next_ask())
    await asyncio.wait((asking, next_ask), return_when=asyncio.FIRST_COMPLETED)
    assert next_ask.done(), f"{action}: {asking.result().text}"
    frame = (
        [4, next_ask.result()[1], "GenericError", answer, {}]
        if isinstance(answer, str)
        else [3, next_ask.result()[1], answer]
    )
    await station.link.send(json.dumps(frame))
    told = (await asking).text
    if isinstance(answer, str):
        world.seeds.hear(f"the refusal of {action}", told)


def pem(seeds: Seeds, name: str) -> str:
    """What looks like a private key; its middle is what is looked for."""
    body = seeds.new(name)
    return f"-----BEGIN PRIVATE KEY-----\nMIIE{body}\n-----END PRIVATE KEY-----\n"


async def by_forms(world: World) -> None:
    seeds, owner = world.seeds, world.owner
    guesser = world.browser()
    await world.send("/sign-in", by=guesser, email=OWNER, password=seeds.new("wrong guess"))
    # The form says again what was typed as an address, to whom typed it and to nobody else.
    misplaced = seeds.new("password in the place of an address")
    await world.send("/sign-in", by=guesser, quiet=False, email=misplaced, password="x" * 12)
    page = (await owner.get("/account/authenticator")).text
    seed, sealed = re.search(r'data-copy="([A-Z2-7]{32})"', page), re.search(r'name="sealed" value="(\w+)"', page)
    assert seed is not None
    assert sealed is not None
    seeds.know("seed of the authenticator", seed[1])
    enrolled = await world.send("/account/authenticator", quiet=False, sealed=sealed[1], code=pyotp.TOTP(seed[1]).now())
    codes = re.findall(r"<code>([a-z2-9-]+)</code>", enrolled)
    assert len(codes) >= 8
    for number, code in enumerate(codes):
        seeds.know(f"recovery code {number}", code)
    await world.send("/account/password", password=seeds.new("new password of the owner"))
    renewed = await world.send("/stations/MADE/password", quiet=False)
    shown = re.search(r'data-copy="([^"]{16,64})"', renewed)
    assert shown is not None
    seeds.know("station password made by the console", shown[1])
    key = re.search(r'data-copy="(fc_[^"]+)"', await world.send("/keys/new", quiet=False, name="Gate", role="viewer"))
    assert key is not None
    seeds.know("API key made by the console", key[1])
    settings = {"name": "Two", "password": seeds.new("surplus in a form"), "security_profile": "nine"}
    await world.submit("/stations/CP16/settings", settings)
    await guesser.aclose()


async def by_letters(world: World) -> None:
    seeds = world.seeds
    await world.say("POST", "/invitations", {"email": NEWCOMER, "role": "viewer"})
    await world.send("/forgotten", by=world.browser(), email=OWNER)
    link = await world.link_for(NEWCOMER, "invitation")
    seeds.know("token of an invitation", link.rpartition("=")[2].rpartition("/")[2])
    newcomer = world.browser()
    opened = await newcomer.get(link.removeprefix(world.base), follow_redirects=True)
    seeds.hear("the page of an invitation", opened.text)
    password = seeds.new("password of a newcomer")
    await world.send("/invitation", by=newcomer, name="New", password="short")
    await world.send("/invitation", by=newcomer, name="New", password=password)
    reset = await world.link_for(OWNER, "reset")
    token = seeds.know("token of a reset", re.split(r"[#=]", reset)[-1])
    # The form keeps the token for another try.
    await world.send("/reset", by=newcomer, quiet=False, token=token, password="short")
    await world.send("/reset", by=newcomer, token=token, password=seeds.new("password after a reset"))
    await world.send("/reset", by=newcomer, token=seeds.new("token nobody made"), password="four words of a demo")
    # The owner is signed in no more, and comes back with a recovery code.
    await world.send("/sign-in", email=OWNER, password=seeds.all["password after a reset"])
    where = await world.send("/sign-in/second-factor", code=seeds.new("wrong code")[:10])
    assert where
    await world.send("/sign-in/second-factor", code=seeds.all["recovery code 0"])
    assert (await world.owner.get("/account")).status_code == 200
    await newcomer.aclose()


async def by_the_provider(world: World, other: Provider) -> None:
    seeds = world.seeds
    form = {"slug": "harbour", "client_id": CLIENT_ID, "domains": "harbour.example", "group_claim": "groups"}
    form |= {"grants": "* = viewer", "issuer": "not an address", "client_secret": seeds.new("client secret at fault")}
    await world.submit("/organisation/sign-in/provider", form)
    seeds.know("client secret", CLIENT_SECRET)
    good = form | {"issuer": other.issuer, "client_secret": CLIENT_SECRET}
    assert "done=provider" in await world.submit("/organisation/sign-in/provider", good)
    person = world.browser()
    away = await person.get("/sign-in/organisation/harbour")
    assert away.is_redirect, away.text
    back = other.authorize(away.headers["location"])
    [(code, asked)] = other.codes.items()
    other.codes = {seeds.new("code of the provider"): asked}
    seeds.know("state of the way there", asked["state"])
    seeds.know("nonce of the way there", asked["nonce"])
    came = await person.get(back.replace(quote_plus(code), seeds.all["code of the provider"]))
    seeds.hear("the way back from the provider", came.text)
    assert "One moment" in came.text
    again = await person.get(back.replace(quote_plus(code), seeds.all["code of the provider"]))
    seeds.hear("the way back for the second time", again.text)
    await person.aclose()


async def by_requests_that_are_wrong(world: World) -> None:
    seeds = world.seeds
    for header in (f"Bearer {seeds.new('key nobody made')}", f"Basic {seeds.new('basic header')}", seeds.new("header")):
        await world.say("GET", "/stations", headers={"authorization": header})
    await world.say("GET", f"/stations?api_key={seeds.new('key in an address')}")
    await world.say("GET", f"/stations?limit={seeds.new('limit')}&token={seeds.new('token in an address')}")
    for body in (
        {"id": "X1", "password": seeds.new("password at fault") * 4},
        {"id": "X2", "password": [seeds.new("password in a list")]},
        {"id": "X3", seeds.new("name of a field"): 1},
        {"id": 7, "password": seeds.new("beside something at fault")},
    ):
        assert (await world.say("POST", "/stations", body)).status_code == 400
    broken = '{"id": "X4", "password": "' + seeds.new("broken JSON")
    headers = {"content-type": "application/json"}
    answer = await world.http.post("/stations", content=broken, headers=headers)
    seeds.hear("the answer to broken JSON", answer.text)
    await world.say("POST", "/webhooks", {"url": f"http://u:{seeds.new('address of a webhook')}@/", "events": []})
    for path in ("/webhooks", "/authorization-hook"):
        address = f"https://u:{seeds.new(f'user of {path}')}@example.com/"
        method = "POST" if path == "/webhooks" else "PUT"
        await world.say(
            method, path, {"url": address, "events": ["token.changed"]} if method == "POST" else {"url": address}
        )


async def by_a_web_process_in_trouble(world: World) -> None:
    """What nobody foresaw, with a secret in its hands."""
    seeds, admin = world.seeds, world.deployment.admin()
    for table, ask in (
        (
            "stations",
            lambda: world.say("POST", "/stations", {"id": "CP9", "password": seeds.new("password of a failure")}),
        ),
        (
            "people",
            lambda: world.send("/sign-in", by=world.browser(), email=OWNER, password=seeds.new("sign-in that fails")),
        ),
        (
            "webhooks",
            lambda: world.say("POST", "/webhooks", {"url": "https://example.com/hook", "events": ["token.changed"]}),
        ),
        ("api_keys", lambda: world.say("POST", "/keys", {"name": "Never", "role": "viewer"})),
    ):
        admin.execute(f"ALTER TABLE {table} RENAME TO {table}_gone".encode())
        try:
            answer = await ask()
            assert isinstance(answer, str) or answer.status_code == 500, answer
        finally:
            admin.execute(f"ALTER TABLE {table}_gone RENAME TO {table}".encode())


async def by_the_command_line(world: World, forker: Forker) -> None:
    seeds = world.seeds
    wrong_key = {"FORECOURT_API_KEY": seeds.new("key of a shell")}
    right_key = {"FORECOURT_API_KEY": KEY}
    url = ["--url", world.base]
    database = f"postgresql://u:{seeds.new('password of a database')}@127.0.0.1:1/x"
    call = ["stations", "call", "CP16", "DataTransfer", json.dumps({"password": seeds.new("payload of a shell")})]
    for arguments, env in (
        (["stations", "list", *url], wrong_key),
        ([*call, *url], right_key),
        ([*call[:-1], "{" + seeds.new("payload at fault"), *url], right_key),
        (["migrate"], {"FORECOURT_DATABASE_URL": database, "FORECOURT_MIGRATE_URL": database}),
        (["web"], {"FORECOURT_SECRET_KEYS": seeds.new("misspelt setting")}),
        (["web"], {"FORECOURT_WEB_PORT": seeds.new("setting at fault")}),
        (["web"], {"FORECOURT_MAIL_URL": f"smtp://u:{seeds.new('mail address at fault')}@mail:port"}),
    ):  # fmt: skip
        said = await run(arguments, env, world.folder / "elsewhere", forker)
        seeds.hear(f"what `forecourt {' '.join(arguments[:2])}` says", said)


async def run(arguments: list[str], env: dict[str, str], folder: Path, forker: Forker) -> str:
    """What a command says that ends at once because of what is wrong."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
    own = {"FORECOURT_DATA_DIR": str(folder), "FORECOURT_LOG_LEVEL": "debug", **env}
    code, out, err = await forker.run(tuple(arguments), kept | own)
    assert code != 0, arguments
    return out + err


async def by_a_post_office_in_trouble(world: World) -> None:
    """A worker whose SMTP server is away: its password, and the letter that it can't send."""
    [worker] = [program for program in world.deployment.programs if program.name.startswith("worker")]
    worker.terminate()
    await worker.ended()
    address = f"smtp://mailer:{world.seeds.new('password of SMTP')}@127.0.0.1:1"
    other = world.deployment.program("worker", log_level="debug", mail_url=address, webhooks_private="true")
    await other.start()
    await world.say("POST", "/invitations", {"email": "second@example.org", "role": "viewer"})
    tried = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'mail.send' AND attempts > 0"
    await until(lambda: world.deployment.value(tried), "the letter was tried")
    [[body]] = world.deployment.rows("SELECT body FROM letters WHERE recipient = 'second@example.org'")
    link = re.search(r"http://\S+invitation\S+", body)
    assert link is not None
    world.seeds.know("token in a letter that waits", link[0].rpartition("=")[2].rpartition("/")[2])
