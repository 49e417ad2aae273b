"""One object for each version of OCPP, with everything that the rooms above ask of it.

Owns which action goes in which direction, and the way from a payload to the neutral language and back. The versions
themselves are tables in `v16`, `v201` and `v21`; a caller never names one.
"""

from typing import Any

from msgspec import Raw

from forecourt.ocpp.decode import Codec, Decoded
from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.faults import CallFault, ErrorCode
from forecourt.ocpp.neutral import Answer, Command, CommandAnswer, Notice, Report, Version
from forecourt.ocpp.v16.dialect import DIALECT as V16
from forecourt.ocpp.v21.dialect import DIALECT as V21
from forecourt.ocpp.v201.dialect import DIALECT as V201
from forecourt.ocpp.wire import Dialect

#: Where deviations go that nobody asked for: full after a few, for notes are bounded.
_UNHEARD = Notes()


class Protocol:
    """One version. Stateless but for decoders, which are made when first used."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.version = dialect.version
        #: The WebSocket subprotocol that selects the version.
        self.subprotocol = str(dialect.version.value)
        #: What a station calls and what it is called; DataTransfer is in both.
        self.station_actions = dialect.station_actions
        self.csms_actions = frozenset(dialect.responses) - (dialect.station_actions - {"DataTransfer"})
        #: What a station tells by SEND, without an answer; decode_call decodes these as well.
        self.send_actions = frozenset(dialect.requests) - frozenset(dialect.responses)
        self._requests: dict[str, Codec] = {}
        self._calls: dict[str, Codec] = {}
        self._responses: dict[str, Codec] = {}

    def decode_call(self, action: str, payload: bytes | Raw) -> Decoded:
        """What a station asks or tells. Raises CallFault: NotImplemented for an action that OCPP does not have,
        NotSupported for one that only a CSMS sends."""
        codec = self._requests.get(action)
        if codec is None:
            self._known(action, self.station_actions | self.send_actions, "a station")
            codec = self._requests[action] = Codec(self._dialect.requests[action], self.version)
        return codec.decode(bytes(payload))

    def lift(self, action: str, request: Any, notes: Notes | None = None) -> Report:
        """A decoded request in the neutral language; a Notice where it has no word for it. Never raises.

        `notes` collects what was found to deviate only here: samples that are no numbers, units that don't fit.
        """
        rule = self._dialect.lifts.get(action)
        if rule is None:
            return Notice(action=action, request=request)
        return rule(request, _UNHEARD if notes is None else notes)

    def answer(self, action: str, request: Any, answer: Answer) -> bytes:
        """The CALLRESULT payload for a decision. Acknowledged suits every action (then nobody decided); any other
        answer only its own. Raises TypeError for an answer that can't belong to the action."""
        rule = self._dialect.answers.get((action, type(answer)))
        if rule is None:
            raise TypeError(f"{type(answer).__name__} is no answer to {action}")
        return rule(request, answer)

    def check_call(self, action: str, payload: bytes) -> None:
        """Whether a call to a station is right in every respect. Raises CallFault."""
        codec = self._calls.get(action)
        if codec is None:
            self._known(action, self.csms_actions, "a CSMS")
            codec = self._calls[action] = Codec(self._dialect.requests[action], self.version)
        codec.check(payload)

    def check_result(self, action: str, payload: bytes | Raw) -> Decoded:
        """A station's answer to an action of the CSMS, forgiving. Raises CallFault."""
        codec = self._responses.get(action)
        if codec is None:
            self._known(action, self.csms_actions, "a CSMS")
            codec = self._responses[action] = Codec(self._dialect.responses[action], self.version)
        return codec.decode(bytes(payload))

    def lower(self, command: Command) -> tuple[str, bytes]:
        """The action and payload for a command. Raises CallFault for what the version can't express."""
        action, payload = self._dialect.lower(command)
        self.check_call(action, payload)
        return action, payload

    def lift_result(self, command: Command, payload: bytes | Raw) -> CommandAnswer:
        """What a station answered to a command. Raises CallFault."""
        action = self._dialect.command_actions[type(command)]
        return self._dialect.lift_result(self.check_result(action, payload).request)

    def _known(self, action: str, actions: frozenset[str], sender: str) -> None:
        if action in actions:
            return
        if action in self._dialect.requests:
            code, problem = ErrorCode.NOT_SUPPORTED, f"is not sent by {sender}"
        else:
            code, problem = ErrorCode.NOT_IMPLEMENTED, f"is no action of {self.subprotocol}"
        raise CallFault(code.spelled(self.version), f"{action[:64]} {problem}")


_PROTOCOLS = {dialect.version: Protocol(dialect) for dialect in (V16, V201, V21)}


def protocol(version: Version) -> Protocol:
    """The one Protocol of a version."""
    return _PROTOCOLS[version]
