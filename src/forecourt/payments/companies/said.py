"""The verb for the number of a company that a driver types at a station (OCPP 2.1 C18, VatNumberValidation).

A number that can't be right is refused at once. One that can is asked about where a register is set up, within a
deadline; where there is none, or it gives no answer, what the number itself shows counts, and no company is named.
"""

from typing import Final, Protocol

import msgspec
import structlog
from msgspec import Struct

from forecourt.ocpp.neutral import Answer, Company, VatAnswer, VatNumber
from forecourt.payments.companies.numbers import can_be_right, split
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import Outward, Unanswered
from forecourt.stations.gateway.inbound import Decide, Inbound, Later

log = structlog.get_logger(__name__)

#: A station waits no longer than this for the register.
DEADLINE_S: Final = 3.0
#: Bytes of its answer.
MAX_ANSWER: Final = 16 * 1024
#: Questions at once, of one process; others are answered by what the number shows.
MAX_ASKING: Final = 20
#: Words for why, as the station may show them (StatusInfoType.reasonCode, 20 characters at the most).
WRONG: Final = "InvalidNumber"
UNKNOWN: Final = "NotRegistered"


class Known(Struct, frozen=True, kw_only=True):
    """What a register says. `company` None: it is right, and the register names nobody."""

    valid: bool
    company: Company | None = None


class Register(Protocol):
    """Knows companies by their numbers; wired in app."""

    async def ask(self, country: str, number: str, /) -> Known | None:
        """What is known; None where no answer came within the deadline. Never raises."""
        ...


class Companies:
    """The verb. Without a register numbers are checked by themselves."""

    def __init__(self, register: Register | None = None) -> None:
        self._register = register

    def hear(self, inbound: Inbound, report: VatNumber) -> Decide:
        """Say whether it may stand on a receipt."""
        parts = split(report.number)
        if parts is None or not can_be_right(*parts):
            return lambda: VatAnswer(valid=False, reason=WRONG)
        register = self._register
        if register is None:
            return lambda: VatAnswer(valid=True)
        return lambda: Later(self._ask(register, *parts))

    @staticmethod
    async def _ask(register: Register, country: str, number: str) -> Answer:
        known = await register.ask(country, number)
        if known is None:
            return VatAnswer(valid=True)
        return VatAnswer(valid=known.valid, company=known.company, reason=None if known.valid else UNKNOWN)


class _Said(Struct, kw_only=True, rename="camel"):
    """An answer of VIES, as far as it matters."""

    valid: bool
    name: str | None = None
    address: str | None = None
    user_error: str | None = None


class Vies:
    """The register of the European Commission, by the interface that it describes at
    https://ec.europa.eu/taxation_customs/vies/#/technical-information. `url`: of its check-vat-number."""

    def __init__(self, outward: Outward, url: str) -> None:
        self._outward = outward
        self._url = url
        self._asking = 0

    async def ask(self, country: str, number: str) -> Known | None:
        """As `Register` has it."""
        if self._asking >= MAX_ASKING:
            return None
        self._asking += 1
        try:
            body = msgspec.json.encode({"countryCode": country, "vatNumber": number})
            headers = {"content-type": "application/json"}
            answer = await self._outward.post(self._url, headers, body, deadline_s=DEADLINE_S, most=MAX_ANSWER)
            if answer.status != 200:
                raise Unanswered(f"it answered with status {answer.status}")
            said = msgspec.json.decode(answer.body, type=_Said)
        except (Unanswered, ForecourtError, msgspec.MsgspecError) as fault:
            log.info("the register of companies gave no answer", why=str(fault)[:200])
            return None
        finally:
            self._asking -= 1
        # A member state that is away is told of as not valid, with a word for it.
        if not said.valid and said.user_error not in (None, "INVALID"):
            return None
        return Known(valid=said.valid, company=_company(said, country) if said.valid else None)


def _company(said: _Said, country: str) -> Company | None:
    """Whose it is. Some members tell no name, or `---`; the last line of an address is the town."""
    name = (said.name or "").strip("- ")
    lines = [line.strip() for line in (said.address or "").splitlines() if line.strip("- ")]
    if not name or not lines:
        return None
    return Company(name=name, address=", ".join(lines[:-1]) or lines[0], city=lines[-1], country=country)
