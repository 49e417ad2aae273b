"""What a refusal at the door means, in words: what happened, the likely cause, and what to do about it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from msgspec import Struct

from forecourt.stations.model import Reason
from forecourt.ui.i18n import mark

#: A station that was refused within this, and has not come in since, is away because it is refused.
LATELY: Final = timedelta(hours=1)


class Meaning(Struct, frozen=True, kw_only=True):
    """A refusal for a person; all of it is marked for translation."""

    what: str
    cause: str
    cure: str


MEANINGS: Final[Mapping[str, Meaning]] = {
    Reason.UNKNOWN: Meaning(
        what=mark("Not registered"),
        cause=mark("Nobody has registered a station of this id here."),
        cure=mark("Adopt it if it is yours."),
    ),
    Reason.NO_PASSWORD: Meaning(
        what=mark("No password"),
        cause=mark("The station shows no password, or another user name than its id."),
        cure=mark(
            "Enter its id as the user name and its password in the station's settings (OCPP basic authentication)."
        ),
    ),
    Reason.WRONG_PASSWORD: Meaning(
        what=mark("Wrong password"),
        cause=mark("The station shows a password that is not the one registered for it."),
        cure=mark("Enter the password once more in the station's settings, without blanks; or make a new one here."),
    ),
    Reason.NO_CERTIFICATE: Meaning(
        what=mark("No certificate"),
        cause=mark("Its security profile asks for a client certificate, and the station shows none that we trust."),
        cure=mark("Install a certificate of your authority at the station, or choose profile 2."),
    ),
    Reason.WRONG_CERTIFICATE: Meaning(
        what=mark("Certificate of another name"),
        cause=mark("The client certificate does not name this id."),
        cure=mark("Issue one whose common name or alternative name is the station's id, letter by letter."),
    ),
    Reason.NO_TLS: Meaning(
        what=mark("Not encrypted"),
        cause=mark("Its security profile needs TLS, and the station connects with ws:// instead of wss://."),
        cure=mark("Enter the wss:// address at the station, or choose profile 1 if the network is closed."),
    ),
    Reason.NO_SUBPROTOCOL: Meaning(
        what=mark("No common OCPP version"),
        cause=mark("The station offers no WebSocket subprotocol that is spoken here: ocpp1.6, ocpp2.0.1 or ocpp2.1."),
        cure=mark("Choose one of these versions in the station's settings, as JSON over WebSocket (not SOAP)."),
    ),
    Reason.TLS_FAILED: Meaning(
        what=mark("TLS failed"),
        cause=mark("The encrypted connection broke off before the station had named itself."),
        cure=mark("Check that the station trusts the authority of our certificate, and that its clock is right."),
    ),
}
#: Of what OpenSSL says about a broken handshake, what an installer can do something about; the first that fits counts.
_TLS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "UNKNOWN_CA",
        mark("The station does not trust the authority that signed our certificate."),
        mark("Install the root certificate of that authority at the station."),
    ),
    (
        "CERTIFICATE_EXPIRED",
        mark("The station takes our certificate for expired."),
        mark("Look at our certificate's end, and at the station's clock."),
    ),
    (
        "BAD_CERTIFICATE",
        mark("The station does not accept our certificate."),
        mark("Use the host name that the certificate names in the address, and check the station's clock."),
    ),
    (
        "CERTIFICATE_UNKNOWN",
        mark("The station does not accept our certificate."),
        mark("Use the host name that the certificate names in the address, and check the station's clock."),
    ),
    (
        "HTTP_REQUEST",
        mark("A station speaks ws:// to the port that is for TLS."),
        mark("Enter the wss:// address, or the port that is not encrypted."),
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        mark("The station's client certificate is not of an authority that we trust."),
        mark("Put that authority into the gateway's file, or issue another certificate."),
    ),
    (
        "UNSUPPORTED_PROTOCOL",
        mark("The station speaks an outdated version of TLS."),
        mark("Update its firmware: TLS 1.2 is the least that is spoken here."),
    ),
    (
        "NO_SHARED_CIPHER",
        mark("The station and we share no cipher of TLS."),
        mark("Update its firmware, or give the gateway a certificate with a key that it knows (RSA or EC)."),
    ),
)


def meaning_of(reason: str, detail: str | None) -> Meaning:
    """What a refusal means; `detail` is what OpenSSL said where TLS failed."""
    meaning = MEANINGS[reason]
    for word, cause, cure in _TLS if reason == Reason.TLS_FAILED and detail else ():
        if word in (detail or ""):
            return Meaning(what=meaning.what, cause=cause, cure=cure)
    return meaning
