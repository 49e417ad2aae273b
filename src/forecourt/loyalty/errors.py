"""What can go wrong with campaigns and vouchers."""

from enum import StrEnum

from forecourt.platform.errors import ForecourtError


class Unbegun(StrEnum):
    """Why a campaign could not begin."""

    #: It would be for no driver at all.
    NOBODY = "nobody"
    #: For more of them than a campaign may have.
    TOO_MANY = "too-many"
    #: Its quiet hours are to be found by prices that are not known.
    NO_PRICES = "no-prices"


class CampaignRefused(ForecourtError):
    """The campaign can't be meant as it was sent. Mend what is named and send it again."""

    status = 422
    code = "campaign-refused"


class PlaceMissing(CampaignRefused):
    """The campaign names a site or a tariff that there is none of. `GET /api/v1/sites` and `GET /api/v1/tariffs` list
    those that exist."""

    def __init__(self, field: str, missing: str) -> None:
        super().__init__(f"The campaign can't be meant as it was sent: there is no {missing}.", field=field)
        self.field = field


class CampaignUnbegun(CampaignRefused):
    """The campaign can't begin: it would be for nobody. Say more widely whom it is for."""

    code = "campaign-unbegun"

    def __init__(self, why: Unbegun = Unbegun.NOBODY, detail: str | None = None) -> None:
        super().__init__(detail, why=why.value)
        self.why = why


class CampaignUnknown(ForecourtError):
    """There is no such campaign. `GET /api/v1/loyalty/campaigns` lists those that exist."""

    status = 404
    code = "campaign-unknown"


class CampaignBegun(ForecourtError):
    """The campaign has started, so its terms stay as they are. End it and make another one."""

    status = 409
    code = "campaign-begun"


class CampaignOver(ForecourtError):
    """The campaign has ended. Make another one."""

    status = 409
    code = "campaign-over"


class CodeTaken(ForecourtError):
    """Another voucher of yours has this code. Choose another one."""

    status = 409
    code = "code-taken"


class CodesRefused(ForecourtError):
    """Codes are of campaigns that are given by code, and each has at most 100,000. Choose a voucher."""

    status = 409
    code = "codes-refused"


class VoucherUnknown(ForecourtError):
    """There is no voucher with this code, or it doesn't count here and now. Look at the code again."""

    status = 404
    code = "voucher-unknown"


class VoucherUsed(ForecourtError):
    """This voucher was used already, or nothing is left of it."""

    status = 409
    code = "voucher-used"


class AccountNeeded(ForecourtError):
    """This voucher is for drivers with an account. Sign in first, and enter it there."""

    status = 409
    code = "voucher-needs-account"
