"""What each page of the console is for, in the order of `docs/reference/pages.md`, which `make pictures` writes.

A page that is not named here is pictured all the same, and the tool then says that its sentence is missing.
"""

#: Chapter -> path as the access table has it -> what it is for.
CHAPTERS: dict[str, dict[str, str]] = {
    "Getting in": {
        "/sign-in": "Sign in by password, by passkey or by the organisation's own provider.",
        "/sign-in/second-factor": "The second step, for who has set one up.",
        "/sign-in/organisation": "Find the sign-in provider of an organisation.",
        "/forgotten": "Ask for a letter with which to choose a new password.",
        "/reset": "Choose a new password; the letter leads here.",
        "/invitation": "Join an organisation; the letter of an invitation leads here.",
    },
    "The day": {
        "/": "The overview: what draws power, what needs attention, how today compares with a usual day.",
        "/incidents": "What is wrong, and what was: each with what happened, since when, why probably, and what to do.",
        "/incidents/{incident_id}": "One incident: its story, what to do about it, who has seen it.",
        "/incidents/{incident_id}/act": "The question before the next action of an incident is done.",
    },
    "Finding": {
        "/search": "Search for anything, as Ctrl-K does, where scripts are switched off.",
    },
    "Stations": {
        "/stations": "Every station, live, with search and filters in the address, and actions on many at once.",
        "/inbox": "Stations that knocked and are not known: adopt them or dismiss them; and yours that are refused.",
        "/inbox/{identity}/adopt": "Make a stranger a station: its site, and whether it keeps the password it uses.",
        "/stations/connect": "Connect a station: its id, its site and how it is to be secured.",
        "/stations/connect/{identity}": "What to enter at the station, and what is wrong until its boot is heard.",
        "/stations/import": "Register stations from a CSV file, with a plan before anything is changed.",
        "/stations/{identity}": "One station: connectors, power, what happened, commands, availability.",
        "/stations/{identity}/messages": "The message log, live, filtered, decoded with the specification's names.",
        "/stations/{identity}/messages/{number}": "One message: decoded, raw, and the other half of its call.",
        "/stations/{identity}/configuration": "Configuration keys or variables, read from the station, changed on it.",
        "/stations/{identity}/configuration/change": "Change one key or variable of a station.",
        "/stations/{identity}/settings": "Name, site, security, password and place of a station.",
        "/stations/{identity}/retire": "The question before a station is retired.",
        "/stations/{identity}/ask/availability": "Take a station or a connector out of service, or back.",
        "/stations/{identity}/ask/reset": "Reset a station; the consequence for running sessions is said first.",
        "/stations/{identity}/ask/start": "Start a session from afar.",
        "/stations/{identity}/ask/stop": "Stop a session from afar.",
        "/stations/{identity}/ask/trigger": "Have a station send a message now.",
        "/stations/{identity}/ask/unlock": "Unlock a connector.",
        "/bulk-runs": "What was done to many stations at once.",
        "/bulk-runs/{run_id}": "One such run: its progress and the outcome for each station.",
    },
    "Sessions": {
        "/sessions": "Sessions, running and past, with filters, sums and an export.",
        "/sessions/{session_id}": "One session: its curve, its story, its evidence and its charge detail record.",
    },
    "Sites": {
        "/sites": "The sites, on a map and as a list.",
        "/sites/new": "Make a site.",
        "/sites/{slug}": "One site: its stations, its power and its sessions today.",
        "/sites/{slug}/edit": "Name, address, place and time zone of a site.",
    },
    "Smart charging": {
        "/energy": "The sites with EVSEs: whether they are charged smartly, and how much flows.",
        "/energy/sites/{slug}": "One site: its electrics as a drawing with what flows, the hours ahead, limits.",
        "/energy/sites/{slug}/plan": "The plan of a site or a node, now or at a time, beside limits, power and price.",
        "/energy/sites/{slug}/savings": "What smart charging saved against charging at once, and how it is counted.",
        "/energy/sites/{slug}/feeds": "Where prices and limits are fetched from, and how each feed fares.",
        "/energy/sites/{slug}/electrics": "The editor of a site's electrics: nodes, EVSEs, loads, solar, batteries.",
    },
    "Tokens": {
        "/tokens": "Who may charge: cards, apps and other tokens.",
        "/tokens/new": "Register a token.",
        "/tokens/import": "Register tokens from a CSV file, with a plan before anything is changed.",
        "/tokens/{number}": "One token: its state, its driver and where it was used.",
        "/tokens/{number}/edit": "Change or block a token.",
    },
    "Money": {
        "/hosts": "Who owns sites, what they are owed, and whether they are paid.",
        "/hosts/{host_id}": "One host: what they are owed line by line, their payouts, their statements.",
        "/ledger": "The journal: everything that happened to money, with where it came from and went to.",
        "/ledger/entries/{entry_id}": "One entry: its legs, and the session and payment it is about.",
        "/ledger/accounts": "Every account and what it comes to.",
        "/ledger/accounts/{account}": "One account: its movements, and what it came to after each.",
        "/reconciliation": "What providers and banks say otherwise than the journal, and what to do about it.",
    },
    "People and programs": {
        "/people": "Members of the organisation and open invitations.",
        "/people/invite": "Invite somebody by e-mail with a role, and sites where that is all they shall see.",
        "/people/{person_id}": "Role and sites of a member.",
        "/people/{person_id}/remove": "The question before somebody is removed.",
        "/keys": "API keys of programs: what each may do, until when, when it was last used.",
        "/keys/new": "Make a key; it is shown once.",
        "/keys/{key_id}/revoke": "The question before a key is revoked.",
        "/webhooks": "Programs that are told what happens.",
        "/webhooks/{webhook_id}": "One webhook: what it is told, and each delivery.",
        "/webhooks/{webhook_id}/deliveries/{delivery_id}": "One delivery: what was sent and each attempt.",
        "/audit": "Who did what to what, from where, before and after.",
    },
    "Settings": {
        "/settings": "The organisation and one's own language and time.",
        "/settings/authorisation": "The outside service that is asked about tokens: set up, tried out, its failures.",
        "/settings/alerts": "Who is told of which incidents, and what was told.",
        "/settings/alerts/new": "A new rule about who is told.",
        "/settings/alerts/{rule_id}": "One rule about who is told.",
        "/settings/alerts/{rule_id}/delete": "The question before a rule is deleted.",
        "/organisation/sign-in": "How members sign in: second factor for everybody, the organisation's own provider.",
        "/organisation/sign-in/provider/remove": "The question before a provider is removed.",
        "/organisations": "The organisations of a person; change from one to another.",
    },
    "Your account": {
        "/account": "How you sign in, your passkeys, and where you are signed in.",
        "/account/confirm": "Prove that it is still you before something about signing in is changed.",
        "/account/password": "Choose another password.",
        "/account/authenticator": "Set up an authenticator app.",
        "/account/authenticator/remove": "The question before the authenticator app is removed.",
        "/account/passkeys/new": "Add a passkey.",
        "/account/passkeys/{passkey_id}/remove": "The question before a passkey is removed.",
        "/account/recovery-codes": "Codes for when the telephone is lost.",
    },
    "When something is not there": {
        "/no-such-page": "What is said of an address that leads nowhere.",
    },
}
PURPOSES = {path: purpose for pages in CHAPTERS.values() for path, purpose in pages.items()}

#: Routes that answer a GET and are no pages of their own, by what stands in their place.
NO_PAGES = {
    "/healthz": "for the balancer",
    "/readyz": "for the balancer",
    "/metrics": "for Prometheus",
    "/static/{name}": "assets",
    "/sign-in/organisation/{slug}": "leads to the provider",
    "/sign-in/organisation/{slug}/callback": "the provider leads back here",
    "/sessions/{session_id}/signed/{number}": "a file",
    "/sessions/{session_id}/transparency.xml": "a file",
}

#: Parts of pages and files, which are seen where they belong.
PARTS = frozenset(
    (
        "/energy/at-session/{session_id}",
        "/energy/at-station/{identity}",
        "/energy/at/{slug}",
        "/energy/sites/{slug}/plan/lines",
        "/energy/sites/{slug}/tree",
        "/inbox/lists",
        "/incidents/attention",
        "/incidents/recent",
        "/incidents/{incident_id}/toast",
        "/overview/day",
        "/overview/recent",
        "/people/at",
        "/sessions/export.csv",
        "/sessions/recent",
        "/sessions/{session_id}/curve",
        "/sites/points",
        "/stations.csv",
        "/stations/connect/{identity}/progress",
        "/stations/points",
        "/stations/{identity}/commands",
        "/stations/{identity}/connectors",
        "/stations/{identity}/desired",
        "/stations/{identity}/messages/new",
        "/stations/{identity}/panel",
        "/stations/{identity}/timeline",
        "/tokens/of",
    )
)
