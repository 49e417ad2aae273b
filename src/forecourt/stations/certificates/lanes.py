"""The SQL by which a gateway reads how an organisation judges contracts, with the message that asks."""

from forecourt.platform.commit import Lane

#: Asked with an eMAID: the roots that are trusted, whether it has to be proven, and what counts without a responder.
CONTRACTS = Lane(
    name="contracts",
    columns=("number bigint", "tenant_id int"),
    answer="""
        SELECT n.number,
            (SELECT json_agg(encode(c.der, 'base64')) FROM contract_roots c WHERE c.tenant_id = n.tenant_id),
            coalesce(r.required, false), coalesce(r.unproven, 'accept')
        FROM stage_contracts n LEFT JOIN contract_rules r ON r.tenant_id = n.tenant_id
        """,
)

#: Asked with a car's request for a certificate: where it goes, and what it is signed with.
PROVIDERS = Lane(
    name="contract_providers",
    columns=("number bigint", "tenant_id int"),
    answer="""
        SELECT n.number, r.provider_url, encode(r.provider_secret, 'base64')
        FROM stage_contract_providers n LEFT JOIN contract_rules r ON r.tenant_id = n.tenant_id
        """,
)

LANES = (CONTRACTS, PROVIDERS)
