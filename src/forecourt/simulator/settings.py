"""A station's configuration: one table of settings with their names in 1.6 and in the 2.x device model."""

import msgspec

READ_ONLY, READ_WRITE, WRITE_ONLY = "ReadOnly", "ReadWrite", "WriteOnly"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """`key16` or `place2` (component, variable) may be missing: then that version does not know the setting."""

    name: str
    default: str
    key16: str | None = None
    place2: tuple[str, str] | None = None
    mutability: str = READ_WRITE
    type: str = "string"
    reboot: bool = False
    #: Only 2.1 has it.
    of21: bool = False


SETTINGS = (
    Setting(name="heartbeat_s", default="300", key16="HeartbeatInterval",
            place2=("OCPPCommCtrlr", "HeartbeatInterval"), type="integer"),
    Setting(name="ping_s", default="60", key16="WebSocketPingInterval",
            place2=("OCPPCommCtrlr", "WebSocketPingInterval"), type="integer"),
    Setting(name="meter_s", default="60", key16="MeterValueSampleInterval",
            place2=("SampledDataCtrlr", "TxUpdatedInterval"), type="integer"),
    Setting(name="measurands", default="", key16="MeterValuesSampledData",
            place2=("SampledDataCtrlr", "TxUpdatedMeasurands"), type="MemberList"),
    Setting(name="connection_timeout_s", default="60", key16="ConnectionTimeOut",
            place2=("TxCtrlr", "EVConnectionTimeOut"), type="integer"),
    Setting(name="attempts", default="3", key16="TransactionMessageAttempts",
            place2=("OCPPCommCtrlr", "MessageAttempts"), type="integer"),
    Setting(name="retry_s", default="5", key16="TransactionMessageRetryInterval",
            place2=("OCPPCommCtrlr", "MessageAttemptInterval"), type="integer"),
    Setting(name="authorize_remote", default="false", key16="AuthorizeRemoteTxRequests",
            place2=("AuthCtrlr", "AuthorizeRemoteStart"), type="boolean"),
    Setting(name="offline_start", default="true", key16="LocalAuthorizeOffline",
            place2=("AuthCtrlr", "LocalAuthorizeOffline"), type="boolean"),
    Setting(name="stop_when_refused", default="true", key16="StopTransactionOnInvalidId",
            place2=("TxCtrlr", "StopTxOnInvalidId"), type="boolean"),
    Setting(name="tx_start", default="Authorized", place2=("TxCtrlr", "TxStartPoint"), type="MemberList", reboot=True),
    Setting(name="password", default="", key16="AuthorizationKey",
            place2=("SecurityCtrlr", "BasicAuthPassword"), mutability=WRITE_ONLY),
    Setting(name="profile", default="1", key16="SecurityProfile",
            place2=("SecurityCtrlr", "SecurityProfile"), mutability=READ_ONLY, type="integer"),
    Setting(name="organisation", default="", key16="CpoName", place2=("SecurityCtrlr", "OrganizationName")),
    Setting(name="items", default="16", key16="GetConfigurationMaxKeys",
            place2=("DeviceDataCtrlr", "ItemsPerMessage"), mutability=READ_ONLY, type="integer"),
    Setting(name="stack", default="9", key16="ChargeProfileMaxStackLevel",
            place2=("SmartChargingCtrlr", "ProfileStackLevel"), mutability=READ_ONLY, type="integer"),
    Setting(name="units", default="Current,Power", key16="ChargingScheduleAllowedChargingRateUnit",
            place2=("SmartChargingCtrlr", "RateUnit"), mutability=READ_ONLY, type="MemberList"),
    Setting(name="periods", default="24", key16="ChargingScheduleMaxPeriods",
            place2=("SmartChargingCtrlr", "PeriodsPerSchedule"), mutability=READ_ONLY, type="integer"),
    Setting(name="dynamic", default="true", place2=("SmartChargingCtrlr", "SupportsDynamicProfiles"),
            mutability=READ_ONLY, type="boolean", of21=True),
    Setting(name="limits", default="MaxCost,MaxEnergy", place2=("TxCtrlr", "SupportedLimits"),
            mutability=READ_ONLY, type="MemberList", of21=True),
    Setting(name="codes", default="false", place2=("WebPaymentsCtrlr", "Enabled"), type="boolean", of21=True),
    Setting(name="code_address", default="", place2=("WebPaymentsCtrlr", "URLTemplate"), of21=True),
    Setting(name="code_choices", default="maxenergy", place2=("WebPaymentsCtrlr", "URLParameters"),
            mutability=READ_ONLY, type="MemberList", of21=True),
    Setting(name="code_version", default="v1", place2=("WebPaymentsCtrlr", "TOTPVersion"), type="OptionList",
            of21=True),
    Setting(name="code_validity", default="60", place2=("WebPaymentsCtrlr", "ValidityTime"), type="integer",
            of21=True),
    Setting(name="code_secret", default="", place2=("WebPaymentsCtrlr", "SharedSecret"), mutability=WRITE_ONLY,
            of21=True),
    Setting(name="code_length", default="8", place2=("WebPaymentsCtrlr", "Length"), type="integer", of21=True),
    Setting(name="connectors", default="1", key16="NumberOfConnectors", mutability=READ_ONLY, type="integer"),
    Setting(name="features", default="Core,LocalAuthListManagement,SmartCharging,RemoteTrigger,Reservation",
            key16="SupportedFeatureProfiles", mutability=READ_ONLY, type="MemberList"),
    Setting(name="list_enabled", default="true", key16="LocalAuthListEnabled",
            place2=("LocalAuthListCtrlr", "Enabled"), type="boolean"),
)  # fmt: skip

BY_NAME = {s.name: s for s in SETTINGS}
BY_KEY16 = {s.key16.lower(): s for s in SETTINGS if s.key16}
BY_PLACE2 = {(s.place2[0].lower(), s.place2[1].lower()): s for s in SETTINGS if s.place2}
COMPONENTS2 = {component for component, _ in BY_PLACE2}


class Settings:
    """The values of one station; they outlive its reboots."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, name: str) -> str:
        return self._values.get(name, BY_NAME[name].default)

    def number(self, name: str) -> int:
        return int(self.get(name))

    def flag(self, name: str) -> bool:
        return self.get(name).lower() == "true"

    def put(self, name: str, value: str) -> None:
        """Without a look at whether the other side may."""
        self._values[name] = value

    def change(self, setting: Setting, value: str) -> str:
        """What the CSMS asks: Accepted, Rejected or RebootRequired."""
        if setting.mutability == READ_ONLY:
            return "Rejected"
        if setting.type == "integer" and not (value.isdigit() and int(value) < 10**7):
            return "Rejected"
        if setting.type == "boolean" and value.lower() not in ("true", "false"):
            return "Rejected"
        self._values[setting.name] = value
        return "RebootRequired" if setting.reboot else "Accepted"
