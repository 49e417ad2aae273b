"""What a token may do that is proven by a contract, or isn't (OCPP 2.0.1 C07). Pure."""

from typing import Final

from forecourt.ocpp.neutral import AuthorizationStatus, AuthorizeAnswer, ContractStatus, TokenStatus

#: The type of a token of Plug & Charge.
EMAID: Final = "eMAID"

#: What a token is whose contract is not proven: never accepted, and told apart as far as tokens are.
_UNPROVEN: Final = {
    ContractStatus.EXPIRED: AuthorizationStatus.EXPIRED,
    ContractStatus.REVOKED: AuthorizationStatus.BLOCKED,
}
#: What a token is whose contract is over here, though its certificates are good.
_OVER: Final = frozenset({AuthorizationStatus.BLOCKED, AuthorizationStatus.EXPIRED})


def proven(token: TokenStatus, status: ContractStatus | None) -> AuthorizeAnswer:
    """The answer to Authorize by what is known of the token and what its contract is worth, None where it wasn't looked
    at. Good certificates accept nobody by themselves."""
    if status is None:
        return AuthorizeAnswer(token=token)
    if status is not ContractStatus.ACCEPTED:
        refused = _UNPROVEN.get(status, AuthorizationStatus.INVALID)
        return AuthorizeAnswer(token=TokenStatus(status=refused), certificate=status)
    if token.status in _OVER:
        return AuthorizeAnswer(token=token, certificate=ContractStatus.CANCELLED)
    return AuthorizeAnswer(token=token, certificate=status)
