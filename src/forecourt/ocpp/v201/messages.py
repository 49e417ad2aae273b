"""The messages of OCPP 2.0.1.

Written by tools/generate_ocpp.py from the published JSON schemas; changes belong there. A field that is
absent is UNSET, for the schemas allow no null. No message can be part of a reference cycle (all is frozen
and decoded from a tree), so none is tracked by the garbage collector.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

Item = TypeVar("Item")
Integer = Annotated[int, Meta(ge=-2147483648, le=2147483647)]
IntegerFrom0 = Annotated[int, Meta(ge=0, le=2147483647)]
IntegerFrom0To100 = Annotated[int, Meta(ge=0, le=100)]
ManyFrom1 = Annotated[tuple[Item, ...], Meta(min_length=1)]
ManyFrom1To1024 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=1024)]
ManyFrom1To3 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=3)]
ManyFrom1To4 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=4)]
Text1000 = Annotated[str, Meta(max_length=1000)]
Text10000 = Annotated[str, Meta(max_length=10000)]
Text128 = Annotated[str, Meta(max_length=128)]
Text16 = Annotated[str, Meta(max_length=16)]
Text20 = Annotated[str, Meta(max_length=20)]
Text25 = Annotated[str, Meta(max_length=25)]
Text2500 = Annotated[str, Meta(max_length=2500)]
Text255 = Annotated[str, Meta(max_length=255)]
Text32 = Annotated[str, Meta(max_length=32)]
Text36 = Annotated[str, Meta(max_length=36)]
Text40 = Annotated[str, Meta(max_length=40)]
Text50 = Annotated[str, Meta(max_length=50)]
Text500 = Annotated[str, Meta(max_length=500)]
Text512 = Annotated[str, Meta(max_length=512)]
Text5500 = Annotated[str, Meta(max_length=5500)]
Text5600 = Annotated[str, Meta(max_length=5600)]
Text6 = Annotated[str, Meta(max_length=6)]
Text64 = Annotated[str, Meta(max_length=64)]
Text7500 = Annotated[str, Meta(max_length=7500)]
Text8 = Annotated[str, Meta(max_length=8)]
Text800 = Annotated[str, Meta(max_length=800)]
Time = Annotated[datetime, Meta(tz=True)]


class IdTokenEnumType(StrEnum):
    CENTRAL = "Central"
    E_MAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"


class HashAlgorithmEnumType(StrEnum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class AuthorizationStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class MessageFormatEnumType(StrEnum):
    ASCII = "ASCII"
    HTML = "HTML"
    URI = "URI"
    UTF8 = "UTF8"


class AuthorizeCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class BootReasonEnumType(StrEnum):
    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


class RegistrationStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class CancelReservationStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class CertificateSigningUseEnumType(StrEnum):
    CHARGING_STATION_CERTIFICATE = "ChargingStationCertificate"
    V2_G_CERTIFICATE = "V2GCertificate"


class CertificateSignedStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class OperationalStatusEnumType(StrEnum):
    INOPERATIVE = "Inoperative"
    OPERATIVE = "Operative"


class ChangeAvailabilityStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class ClearCacheStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ChargingProfilePurposeEnumType(StrEnum):
    CHARGING_STATION_EXTERNAL_CONSTRAINTS = "ChargingStationExternalConstraints"
    CHARGING_STATION_MAX_PROFILE = "ChargingStationMaxProfile"
    TX_DEFAULT_PROFILE = "TxDefaultProfile"
    TX_PROFILE = "TxProfile"


class ClearChargingProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class ClearMessageStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class ClearMonitoringStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_FOUND = "NotFound"


class ChargingLimitSourceEnumType(StrEnum):
    EMS = "EMS"
    OTHER = "Other"
    SO = "SO"
    CSO = "CSO"


class CustomerInformationStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    INVALID = "Invalid"


class DataTransferStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"


class DeleteCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class FirmwareStatusEnumType(StrEnum):
    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOAD_PAUSED = "DownloadPaused"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_VERIFIED = "SignatureVerified"


class CertificateActionEnumType(StrEnum):
    INSTALL = "Install"
    UPDATE = "Update"


class Iso15118EVCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"


class ReportBaseEnumType(StrEnum):
    CONFIGURATION_INVENTORY = "ConfigurationInventory"
    FULL_INVENTORY = "FullInventory"
    SUMMARY_INVENTORY = "SummaryInventory"


class GenericDeviceModelStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"
    EMPTY_RESULT_SET = "EmptyResultSet"


class GetCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"


class GetChargingProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    NO_PROFILES = "NoProfiles"


class ChargingRateUnitEnumType(StrEnum):
    W = "W"
    A = "A"


class GenericStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class MessagePriorityEnumType(StrEnum):
    ALWAYS_FRONT = "AlwaysFront"
    IN_FRONT = "InFront"
    NORMAL_CYCLE = "NormalCycle"


class MessageStateEnumType(StrEnum):
    CHARGING = "Charging"
    FAULTED = "Faulted"
    IDLE = "Idle"
    UNAVAILABLE = "Unavailable"


class GetDisplayMessagesStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class GetCertificateIdUseEnumType(StrEnum):
    V2_G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    V2_G_CERTIFICATE_CHAIN = "V2GCertificateChain"
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"


class GetInstalledCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class LogEnumType(StrEnum):
    DIAGNOSTICS_LOG = "DiagnosticsLog"
    SECURITY_LOG = "SecurityLog"


class LogStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"


class MonitoringCriterionEnumType(StrEnum):
    THRESHOLD_MONITORING = "ThresholdMonitoring"
    DELTA_MONITORING = "DeltaMonitoring"
    PERIODIC_MONITORING = "PeriodicMonitoring"


class ComponentCriterionEnumType(StrEnum):
    ACTIVE = "Active"
    AVAILABLE = "Available"
    ENABLED = "Enabled"
    PROBLEM = "Problem"


class AttributeEnumType(StrEnum):
    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class GetVariableStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class InstallCertificateUseEnumType(StrEnum):
    V2_G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"


class InstallCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


class UploadLogStatusEnumType(StrEnum):
    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    UPLOADING = "Uploading"
    ACCEPTED_CANCELED = "AcceptedCanceled"


class ReadingContextEnumType(StrEnum):
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"


class MeasurandEnumType(StrEnum):
    CURRENT_EXPORT = "Current.Export"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    ENERGY_ACTIVE_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_REACTIVE_EXPORT_REGISTER = "Energy.Reactive.Export.Register"
    ENERGY_REACTIVE_IMPORT_REGISTER = "Energy.Reactive.Import.Register"
    ENERGY_ACTIVE_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    ENERGY_ACTIVE_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_ACTIVE_NET = "Energy.Active.Net"
    ENERGY_REACTIVE_EXPORT_INTERVAL = "Energy.Reactive.Export.Interval"
    ENERGY_REACTIVE_IMPORT_INTERVAL = "Energy.Reactive.Import.Interval"
    ENERGY_REACTIVE_NET = "Energy.Reactive.Net"
    ENERGY_APPARENT_NET = "Energy.Apparent.Net"
    ENERGY_APPARENT_IMPORT = "Energy.Apparent.Import"
    ENERGY_APPARENT_EXPORT = "Energy.Apparent.Export"
    FREQUENCY = "Frequency"
    POWER_ACTIVE_EXPORT = "Power.Active.Export"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_FACTOR = "Power.Factor"
    POWER_OFFERED = "Power.Offered"
    POWER_REACTIVE_EXPORT = "Power.Reactive.Export"
    POWER_REACTIVE_IMPORT = "Power.Reactive.Import"
    SO_C = "SoC"
    VOLTAGE = "Voltage"


class PhaseEnumType(StrEnum):
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    N = "N"
    L1_N = "L1-N"
    L2_N = "L2-N"
    L3_N = "L3-N"
    L1_L2 = "L1-L2"
    L2_L3 = "L2-L3"
    L3_L1 = "L3-L1"


class LocationEnumType(StrEnum):
    BODY = "Body"
    CABLE = "Cable"
    EV = "EV"
    INLET = "Inlet"
    OUTLET = "Outlet"


class CostKindEnumType(StrEnum):
    CARBON_DIOXIDE_EMISSION = "CarbonDioxideEmission"
    RELATIVE_PRICE_PERCENTAGE = "RelativePricePercentage"
    RENEWABLE_GENERATION_PERCENTAGE = "RenewableGenerationPercentage"


class EnergyTransferModeEnumType(StrEnum):
    DC = "DC"
    AC_SINGLE_PHASE = "AC_single_phase"
    AC_TWO_PHASE = "AC_two_phase"
    AC_THREE_PHASE = "AC_three_phase"


class NotifyEVChargingNeedsStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    PROCESSING = "Processing"


class EventTriggerEnumType(StrEnum):
    ALERTING = "Alerting"
    DELTA = "Delta"
    PERIODIC = "Periodic"


class EventNotificationEnumType(StrEnum):
    HARD_WIRED_NOTIFICATION = "HardWiredNotification"
    HARD_WIRED_MONITOR = "HardWiredMonitor"
    PRECONFIGURED_MONITOR = "PreconfiguredMonitor"
    CUSTOM_MONITOR = "CustomMonitor"


class MonitorEnumType(StrEnum):
    UPPER_THRESHOLD = "UpperThreshold"
    LOWER_THRESHOLD = "LowerThreshold"
    DELTA = "Delta"
    PERIODIC = "Periodic"
    PERIODIC_CLOCK_ALIGNED = "PeriodicClockAligned"


class MutabilityEnumType(StrEnum):
    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class DataEnumType(StrEnum):
    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


class PublishFirmwareStatusEnumType(StrEnum):
    IDLE = "Idle"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOADED = "Downloaded"
    PUBLISHED = "Published"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOAD_PAUSED = "DownloadPaused"
    INVALID_CHECKSUM = "InvalidChecksum"
    CHECKSUM_VERIFIED = "ChecksumVerified"
    PUBLISH_FAILED = "PublishFailed"


class ChargingProfileKindEnumType(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RecurrencyKindEnumType(StrEnum):
    DAILY = "Daily"
    WEEKLY = "Weekly"


class RequestStartStopStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ReservationUpdateStatusEnumType(StrEnum):
    EXPIRED = "Expired"
    REMOVED = "Removed"


class ConnectorEnumType(StrEnum):
    C_CCS1 = "cCCS1"
    C_CCS2 = "cCCS2"
    C_G105 = "cG105"
    C_TESLA = "cTesla"
    C_TYPE1 = "cType1"
    C_TYPE2 = "cType2"
    S309_1_P_16_A = "s309-1P-16A"
    S309_1_P_32_A = "s309-1P-32A"
    S309_3_P_16_A = "s309-3P-16A"
    S309_3_P_32_A = "s309-3P-32A"
    S_BS1361 = "sBS1361"
    S_CEE_7_7 = "sCEE-7-7"
    S_TYPE2 = "sType2"
    S_TYPE3 = "sType3"
    OTHER1_PH_MAX16_A = "Other1PhMax16A"
    OTHER1_PH_OVER16_A = "Other1PhOver16A"
    OTHER3_PH = "Other3Ph"
    PAN = "Pan"
    W_INDUCTIVE = "wInductive"
    W_RESONANT = "wResonant"
    UNDETERMINED = "Undetermined"
    UNKNOWN = "Unknown"


class ReserveNowStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class ResetEnumType(StrEnum):
    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"


class ResetStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class UpdateEnumType(StrEnum):
    DIFFERENTIAL = "Differential"
    FULL = "Full"


class SendLocalListStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"


class ChargingProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class DisplayMessageStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    NOT_SUPPORTED_MESSAGE_FORMAT = "NotSupportedMessageFormat"
    REJECTED = "Rejected"
    NOT_SUPPORTED_PRIORITY = "NotSupportedPriority"
    NOT_SUPPORTED_STATE = "NotSupportedState"
    UNKNOWN_TRANSACTION = "UnknownTransaction"


class MonitoringBaseEnumType(StrEnum):
    ALL = "All"
    FACTORY_DEFAULT = "FactoryDefault"
    HARD_WIRED_ONLY = "HardWiredOnly"


class APNAuthenticationEnumType(StrEnum):
    CHAP = "CHAP"
    NONE = "NONE"
    PAP = "PAP"
    AUTO = "AUTO"


class OCPPVersionEnumType(StrEnum):
    OCPP12 = "OCPP12"
    OCPP15 = "OCPP15"
    OCPP16 = "OCPP16"
    OCPP20 = "OCPP20"


class OCPPTransportEnumType(StrEnum):
    JSON = "JSON"
    SOAP = "SOAP"


class OCPPInterfaceEnumType(StrEnum):
    WIRED0 = "Wired0"
    WIRED1 = "Wired1"
    WIRED2 = "Wired2"
    WIRED3 = "Wired3"
    WIRELESS0 = "Wireless0"
    WIRELESS1 = "Wireless1"
    WIRELESS2 = "Wireless2"
    WIRELESS3 = "Wireless3"


class VPNEnumType(StrEnum):
    IK_EV2 = "IKEv2"
    IP_SEC = "IPSec"
    L2_TP = "L2TP"
    PPTP = "PPTP"


class SetNetworkProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


class SetMonitoringStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    UNSUPPORTED_MONITOR_TYPE = "UnsupportedMonitorType"
    REJECTED = "Rejected"
    DUPLICATE = "Duplicate"


class SetVariableStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class ConnectorStatusEnumType(StrEnum):
    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class TransactionEventEnumType(StrEnum):
    ENDED = "Ended"
    STARTED = "Started"
    UPDATED = "Updated"


class TriggerReasonEnumType(StrEnum):
    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    RESET_COMMAND = "ResetCommand"


class ChargingStateEnumType(StrEnum):
    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class ReasonEnumType(StrEnum):
    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"


class MessageTriggerEnumType(StrEnum):
    BOOT_NOTIFICATION = "BootNotification"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    SIGN_CHARGING_STATION_CERTIFICATE = "SignChargingStationCertificate"
    SIGN_V2_G_CERTIFICATE = "SignV2GCertificate"
    STATUS_NOTIFICATION = "StatusNotification"
    TRANSACTION_EVENT = "TransactionEvent"
    SIGN_COMBINED_CERTIFICATE = "SignCombinedCertificate"
    PUBLISH_FIRMWARE_STATUS_NOTIFICATION = "PublishFirmwareStatusNotification"


class TriggerMessageStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


class UnlockStatusEnumType(StrEnum):
    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    ONGOING_AUTHORIZED_TRANSACTION = "OngoingAuthorizedTransaction"
    UNKNOWN_CONNECTOR = "UnknownConnector"


class UnpublishFirmwareStatusEnumType(StrEnum):
    DOWNLOAD_ONGOING = "DownloadOngoing"
    NO_FIRMWARE = "NoFirmware"
    UNPUBLISHED = "Unpublished"


class UpdateFirmwareStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"


class Open(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    pass


class Closed(Struct, frozen=True, kw_only=True, gc=False, rename="camel", forbid_unknown_fields=True):
    pass


class CustomDataType(Open, frozen=True, kw_only=True):
    vendor_id: Text255


class AdditionalInfoType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    additional_id_token: Text36
    type: Text50


class IdTokenType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    additional_info: ManyFrom1[AdditionalInfoType] | UnsetType = UNSET
    id_token: Text36
    type: IdTokenEnumType


class OCSPRequestDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    hash_algorithm: HashAlgorithmEnumType
    issuer_name_hash: Text128
    issuer_key_hash: Text128
    serial_number: Text40
    responder_url: Text512 = field(name="responderURL")


class AuthorizeRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id_token: IdTokenType
    certificate: Text5500 | UnsetType = UNSET
    iso15118_certificate_hash_data: ManyFrom1To4[OCSPRequestDataType] | UnsetType = UNSET


class MessageContentType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    format: MessageFormatEnumType
    language: Text8 | UnsetType = UNSET
    content: Text512


class IdTokenInfoType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: AuthorizationStatusEnumType
    cache_expiry_date_time: Time | UnsetType = UNSET
    charging_priority: Integer | UnsetType = UNSET
    language1: Text8 | UnsetType = UNSET
    evse_id: ManyFrom1[IntegerFrom0] | UnsetType = UNSET
    group_id_token: IdTokenType | UnsetType = UNSET
    language2: Text8 | UnsetType = UNSET
    personal_message: MessageContentType | UnsetType = UNSET


class AuthorizeResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id_token_info: IdTokenInfoType
    certificate_status: AuthorizeCertificateStatusEnumType | UnsetType = UNSET


class ModemType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    iccid: Text20 | UnsetType = UNSET
    imsi: Text20 | UnsetType = UNSET


class ChargingStationType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    serial_number: Text25 | UnsetType = UNSET
    model: Text20
    modem: ModemType | UnsetType = UNSET
    vendor_name: Text50
    firmware_version: Text50 | UnsetType = UNSET


class BootNotificationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_station: ChargingStationType
    reason: BootReasonEnumType


class StatusInfoType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    reason_code: Text20
    additional_info: Text512 | UnsetType = UNSET


class BootNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    current_time: Time
    interval: Integer
    status: RegistrationStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class CancelReservationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    reservation_id: Integer


class CancelReservationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: CancelReservationStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class CertificateSignedRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    certificate_chain: Text10000
    certificate_type: CertificateSigningUseEnumType | UnsetType = UNSET


class CertificateSignedResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: CertificateSignedStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class EVSEType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: IntegerFrom0
    connector_id: IntegerFrom0 | UnsetType = UNSET


class ChangeAvailabilityRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse: EVSEType | UnsetType = UNSET
    operational_status: OperationalStatusEnumType


class ChangeAvailabilityResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ChangeAvailabilityStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class ClearCacheRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ClearCacheResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ClearCacheStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class ClearChargingProfileType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse_id: IntegerFrom0 | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurposeEnumType | UnsetType = UNSET
    stack_level: Integer | UnsetType = UNSET


class ClearChargingProfileRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_profile_id: Integer | UnsetType = UNSET
    charging_profile_criteria: ClearChargingProfileType | UnsetType = UNSET


class ClearChargingProfileResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ClearChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class ClearDisplayMessageRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer


class ClearDisplayMessageResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ClearMessageStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class ClearVariableMonitoringRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: ManyFrom1[Integer]


class ClearMonitoringResultType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ClearMonitoringStatusEnumType
    id: Integer
    status_info: StatusInfoType | UnsetType = UNSET


class ClearVariableMonitoringResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    clear_monitoring_result: ManyFrom1[ClearMonitoringResultType]


class ClearedChargingLimitRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_limit_source: ChargingLimitSourceEnumType
    evse_id: IntegerFrom0 | UnsetType = UNSET


class ClearedChargingLimitResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class CostUpdatedRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    total_cost: float
    transaction_id: Text36


class CostUpdatedResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateHashDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    hash_algorithm: HashAlgorithmEnumType
    issuer_name_hash: Text128
    issuer_key_hash: Text128
    serial_number: Text40


class CustomerInformationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    customer_certificate: CertificateHashDataType | UnsetType = UNSET
    id_token: IdTokenType | UnsetType = UNSET
    request_id: Integer
    report: bool
    clear: bool
    customer_identifier: Text64 | UnsetType = UNSET


class CustomerInformationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: CustomerInformationStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class DataTransferRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    message_id: Text50 | UnsetType = UNSET
    data: Any = UNSET
    vendor_id: Text255


class DataTransferResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: DataTransferStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    data: Any = UNSET


class DeleteCertificateRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    certificate_hash_data: CertificateHashDataType


class DeleteCertificateResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: DeleteCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class FirmwareStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: FirmwareStatusEnumType
    request_id: Integer | UnsetType = UNSET


class FirmwareStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class Get15118EVCertificateRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    iso15118_schema_version: Text50
    action: CertificateActionEnumType
    exi_request: Text5600


class Get15118EVCertificateResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: Iso15118EVCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    exi_response: Text7500


class GetBaseReportRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    request_id: Integer
    report_base: ReportBaseEnumType


class GetBaseReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class GetCertificateStatusRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    ocsp_request_data: OCSPRequestDataType


class GetCertificateStatusResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GetCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    ocsp_result: Text5500 | UnsetType = UNSET


class ChargingProfileCriterionType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurposeEnumType | UnsetType = UNSET
    stack_level: Integer | UnsetType = UNSET
    charging_profile_id: ManyFrom1[Integer] | UnsetType = UNSET
    charging_limit_source: ManyFrom1To4[ChargingLimitSourceEnumType] | UnsetType = UNSET


class GetChargingProfilesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    request_id: Integer
    evse_id: IntegerFrom0 | UnsetType = UNSET
    charging_profile: ChargingProfileCriterionType


class GetChargingProfilesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GetChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class GetCompositeScheduleRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    duration: Integer
    charging_rate_unit: ChargingRateUnitEnumType | UnsetType = UNSET
    evse_id: IntegerFrom0


class ChargingSchedulePeriodType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    start_period: Integer
    limit: float
    number_phases: Integer | UnsetType = UNSET
    phase_to_use: Integer | UnsetType = UNSET


class CompositeScheduleType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_schedule_period: ManyFrom1[ChargingSchedulePeriodType]
    evse_id: IntegerFrom0
    duration: Integer
    schedule_start: Time
    charging_rate_unit: ChargingRateUnitEnumType


class GetCompositeScheduleResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    schedule: CompositeScheduleType | UnsetType = UNSET


class GetDisplayMessagesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: ManyFrom1[Integer] | UnsetType = UNSET
    request_id: Integer
    priority: MessagePriorityEnumType | UnsetType = UNSET
    state: MessageStateEnumType | UnsetType = UNSET


class GetDisplayMessagesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GetDisplayMessagesStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    certificate_type: ManyFrom1[GetCertificateIdUseEnumType] | UnsetType = UNSET


class CertificateHashDataChainType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    certificate_hash_data: CertificateHashDataType
    certificate_type: GetCertificateIdUseEnumType
    child_certificate_hash_data: ManyFrom1To4[CertificateHashDataType] | UnsetType = UNSET


class GetInstalledCertificateIdsResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GetInstalledCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    certificate_hash_data_chain: ManyFrom1[CertificateHashDataChainType] | UnsetType = UNSET


class GetLocalListVersionRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class GetLocalListVersionResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    version_number: Integer


class LogParametersType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    remote_location: Text512
    oldest_timestamp: Time | UnsetType = UNSET
    latest_timestamp: Time | UnsetType = UNSET


class GetLogRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    log: LogParametersType
    log_type: LogEnumType
    request_id: Integer
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET


class GetLogResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: LogStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    filename: Text255 | UnsetType = UNSET


class ComponentType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse: EVSEType | UnsetType = UNSET
    name: Text50
    instance: Text50 | UnsetType = UNSET


class VariableType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    name: Text50
    instance: Text50 | UnsetType = UNSET


class ComponentVariableType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType | UnsetType = UNSET


class GetMonitoringReportRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    component_variable: ManyFrom1[ComponentVariableType] | UnsetType = UNSET
    request_id: Integer
    monitoring_criteria: ManyFrom1To3[MonitoringCriterionEnumType] | UnsetType = UNSET


class GetMonitoringReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class GetReportRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    component_variable: ManyFrom1[ComponentVariableType] | UnsetType = UNSET
    request_id: Integer
    component_criteria: ManyFrom1To4[ComponentCriterionEnumType] | UnsetType = UNSET


class GetReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class GetTransactionStatusRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET


class GetTransactionStatusResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    ongoing_indicator: bool | UnsetType = UNSET
    messages_in_queue: bool


class GetVariableDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    attribute_type: AttributeEnumType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType


class GetVariablesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    get_variable_data: ManyFrom1[GetVariableDataType]


class GetVariableResultType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    attribute_status_info: StatusInfoType | UnsetType = UNSET
    attribute_status: GetVariableStatusEnumType
    attribute_type: AttributeEnumType | UnsetType = UNSET
    attribute_value: Text2500 | UnsetType = UNSET
    component: ComponentType
    variable: VariableType


class GetVariablesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    get_variable_result: ManyFrom1[GetVariableResultType]


class HeartbeatRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class HeartbeatResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    current_time: Time


class InstallCertificateRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    certificate_type: InstallCertificateUseEnumType
    certificate: Text5500


class InstallCertificateResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: InstallCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class LogStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: UploadLogStatusEnumType
    request_id: Integer | UnsetType = UNSET


class LogStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class SignedMeterValueType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    signed_meter_data: Text2500
    signing_method: Text50
    encoding_method: Text50
    public_key: Text2500


class UnitOfMeasureType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    unit: Text20 | UnsetType = UNSET
    multiplier: Integer | UnsetType = UNSET


class SampledValueType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    value: float
    context: ReadingContextEnumType | UnsetType = UNSET
    measurand: MeasurandEnumType | UnsetType = UNSET
    phase: PhaseEnumType | UnsetType = UNSET
    location: LocationEnumType | UnsetType = UNSET
    signed_meter_value: SignedMeterValueType | UnsetType = UNSET
    unit_of_measure: UnitOfMeasureType | UnsetType = UNSET


class MeterValueType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    sampled_value: ManyFrom1[SampledValueType]
    timestamp: Time


class MeterValuesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse_id: IntegerFrom0
    meter_value: ManyFrom1[MeterValueType]


class MeterValuesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class RelativeTimeIntervalType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    start: Integer
    duration: Integer | UnsetType = UNSET


class CostType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    cost_kind: CostKindEnumType
    amount: Integer
    amount_multiplier: Integer | UnsetType = UNSET


class ConsumptionCostType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    start_value: float
    cost: ManyFrom1To3[CostType]


class SalesTariffEntryType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    relative_time_interval: RelativeTimeIntervalType
    e_price_level: IntegerFrom0 | UnsetType = UNSET
    consumption_cost: ManyFrom1To3[ConsumptionCostType] | UnsetType = UNSET


class SalesTariffType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer
    sales_tariff_description: Text32 | UnsetType = UNSET
    num_e_price_levels: Integer | UnsetType = UNSET
    sales_tariff_entry: ManyFrom1To1024[SalesTariffEntryType]


class ChargingScheduleType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer
    start_schedule: Time | UnsetType = UNSET
    duration: Integer | UnsetType = UNSET
    charging_rate_unit: ChargingRateUnitEnumType
    charging_schedule_period: ManyFrom1To1024[ChargingSchedulePeriodType]
    min_charging_rate: float | UnsetType = UNSET
    sales_tariff: SalesTariffType | UnsetType = UNSET


class ChargingLimitType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_limit_source: ChargingLimitSourceEnumType
    is_grid_critical: bool | UnsetType = UNSET


class NotifyChargingLimitRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    charging_schedule: ManyFrom1[ChargingScheduleType] | UnsetType = UNSET
    evse_id: IntegerFrom0 | UnsetType = UNSET
    charging_limit: ChargingLimitType


class NotifyChargingLimitResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyCustomerInformationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    data: Text512
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    generated_at: Time
    request_id: Integer


class NotifyCustomerInformationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class MessageInfoType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    display: ComponentType | UnsetType = UNSET
    id: Integer
    priority: MessagePriorityEnumType
    state: MessageStateEnumType | UnsetType = UNSET
    start_date_time: Time | UnsetType = UNSET
    end_date_time: Time | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET
    message: MessageContentType


class NotifyDisplayMessagesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    message_info: ManyFrom1[MessageInfoType] | UnsetType = UNSET
    request_id: Integer
    tbc: bool | UnsetType = UNSET


class NotifyDisplayMessagesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ACChargingParametersType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    energy_amount: Integer
    ev_min_current: Integer
    ev_max_current: Integer
    ev_max_voltage: Integer


class DCChargingParametersType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    ev_max_current: Integer
    ev_max_voltage: Integer
    energy_amount: Integer | UnsetType = UNSET
    ev_max_power: Integer | UnsetType = UNSET
    state_of_charge: IntegerFrom0To100 | UnsetType = UNSET
    ev_energy_capacity: Integer | UnsetType = UNSET
    full_so_c: IntegerFrom0To100 | UnsetType = UNSET
    bulk_so_c: IntegerFrom0To100 | UnsetType = UNSET


class ChargingNeedsType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    ac_charging_parameters: ACChargingParametersType | UnsetType = UNSET
    dc_charging_parameters: DCChargingParametersType | UnsetType = UNSET
    requested_energy_transfer: EnergyTransferModeEnumType
    departure_time: Time | UnsetType = UNSET


class NotifyEVChargingNeedsRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    max_schedule_tuples: Integer | UnsetType = UNSET
    charging_needs: ChargingNeedsType
    evse_id: IntegerFrom0


class NotifyEVChargingNeedsResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: NotifyEVChargingNeedsStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class NotifyEVChargingScheduleRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    time_base: Time
    charging_schedule: ChargingScheduleType
    evse_id: IntegerFrom0


class NotifyEVChargingScheduleResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class EventDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    event_id: Integer
    timestamp: Time
    trigger: EventTriggerEnumType
    cause: Integer | UnsetType = UNSET
    actual_value: Text2500
    tech_code: Text50 | UnsetType = UNSET
    tech_info: Text500 | UnsetType = UNSET
    cleared: bool | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET
    component: ComponentType
    variable_monitoring_id: Integer | UnsetType = UNSET
    event_notification_type: EventNotificationEnumType
    variable: VariableType


class NotifyEventRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    generated_at: Time
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    event_data: ManyFrom1[EventDataType]


class NotifyEventResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class VariableMonitoringType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer
    transaction: bool
    value: float
    type: MonitorEnumType
    severity: Integer


class MonitoringDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    variable_monitoring: ManyFrom1[VariableMonitoringType]


class NotifyMonitoringReportRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    monitor: ManyFrom1[MonitoringDataType] | UnsetType = UNSET
    request_id: Integer
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    generated_at: Time


class NotifyMonitoringReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class VariableAttributeType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    type: AttributeEnumType | UnsetType = UNSET
    value: Text2500 | UnsetType = UNSET
    mutability: MutabilityEnumType | UnsetType = UNSET
    persistent: bool | UnsetType = UNSET
    constant: bool | UnsetType = UNSET


class VariableCharacteristicsType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    unit: Text16 | UnsetType = UNSET
    data_type: DataEnumType
    min_limit: float | UnsetType = UNSET
    max_limit: float | UnsetType = UNSET
    values_list: Text1000 | UnsetType = UNSET
    supports_monitoring: bool


class ReportDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    variable_attribute: ManyFrom1To4[VariableAttributeType]
    variable_characteristics: VariableCharacteristicsType | UnsetType = UNSET


class NotifyReportRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    request_id: Integer
    generated_at: Time
    report_data: ManyFrom1[ReportDataType] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0


class NotifyReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class PublishFirmwareRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    location: Text512
    retries: Integer | UnsetType = UNSET
    checksum: Text32
    request_id: Integer
    retry_interval: Integer | UnsetType = UNSET


class PublishFirmwareResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class PublishFirmwareStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: PublishFirmwareStatusEnumType
    location: ManyFrom1[Text512] | UnsetType = UNSET
    request_id: Integer | UnsetType = UNSET


class PublishFirmwareStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingProfileType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer
    stack_level: Integer
    charging_profile_purpose: ChargingProfilePurposeEnumType
    charging_profile_kind: ChargingProfileKindEnumType
    recurrency_kind: RecurrencyKindEnumType | UnsetType = UNSET
    valid_from: Time | UnsetType = UNSET
    valid_to: Time | UnsetType = UNSET
    charging_schedule: ManyFrom1To3[ChargingScheduleType]
    transaction_id: Text36 | UnsetType = UNSET


class ReportChargingProfilesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    request_id: Integer
    charging_limit_source: ChargingLimitSourceEnumType
    charging_profile: ManyFrom1[ChargingProfileType]
    tbc: bool | UnsetType = UNSET
    evse_id: IntegerFrom0


class ReportChargingProfilesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class RequestStartTransactionRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse_id: IntegerFrom0 | UnsetType = UNSET
    group_id_token: IdTokenType | UnsetType = UNSET
    id_token: IdTokenType
    remote_start_id: Integer
    charging_profile: ChargingProfileType | UnsetType = UNSET


class RequestStartTransactionResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: RequestStartStopStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET


class RequestStopTransactionRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    transaction_id: Text36


class RequestStopTransactionResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: RequestStartStopStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class ReservationStatusUpdateRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    reservation_id: Integer
    reservation_update_status: ReservationUpdateStatusEnumType


class ReservationStatusUpdateResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ReserveNowRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer
    expiry_date_time: Time
    connector_type: ConnectorEnumType | UnsetType = UNSET
    id_token: IdTokenType
    evse_id: IntegerFrom0 | UnsetType = UNSET
    group_id_token: IdTokenType | UnsetType = UNSET


class ReserveNowResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ReserveNowStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class ResetRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    type: ResetEnumType
    evse_id: IntegerFrom0 | UnsetType = UNSET


class ResetResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ResetStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class SecurityEventNotificationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    type: Text50
    timestamp: Time
    tech_info: Text255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class AuthorizationData(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id_token: IdTokenType
    id_token_info: IdTokenInfoType | UnsetType = UNSET


class SendLocalListRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    local_authorization_list: ManyFrom1[AuthorizationData] | UnsetType = UNSET
    version_number: Integer
    update_type: UpdateEnumType


class SendLocalListResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: SendLocalListStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class SetChargingProfileRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse_id: IntegerFrom0
    charging_profile: ChargingProfileType


class SetChargingProfileResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: ChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class SetDisplayMessageRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    message: MessageInfoType


class SetDisplayMessageResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: DisplayMessageStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class SetMonitoringBaseRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    monitoring_base: MonitoringBaseEnumType


class SetMonitoringBaseResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class SetMonitoringLevelRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    severity: Integer


class SetMonitoringLevelResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class APNType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    apn: Text512
    apn_user_name: Text20 | UnsetType = UNSET
    apn_password: Text20 | UnsetType = UNSET
    sim_pin: Integer | UnsetType = UNSET
    preferred_network: Text6 | UnsetType = UNSET
    use_only_preferred_network: bool | UnsetType = UNSET
    apn_authentication: APNAuthenticationEnumType


class VPNType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    server: Text512
    user: Text20
    group: Text20 | UnsetType = UNSET
    password: Text20
    key: Text255
    type: VPNEnumType


class NetworkConnectionProfileType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    apn: APNType | UnsetType = UNSET
    ocpp_version: OCPPVersionEnumType
    ocpp_transport: OCPPTransportEnumType
    ocpp_csms_url: Text512
    message_timeout: Integer
    security_profile: Integer
    ocpp_interface: OCPPInterfaceEnumType
    vpn: VPNType | UnsetType = UNSET


class SetNetworkProfileRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    configuration_slot: Integer
    connection_data: NetworkConnectionProfileType


class SetNetworkProfileResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: SetNetworkProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class SetMonitoringDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer | UnsetType = UNSET
    transaction: bool | UnsetType = UNSET
    value: float
    type: MonitorEnumType
    severity: Integer
    component: ComponentType
    variable: VariableType


class SetVariableMonitoringRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    set_monitoring_data: ManyFrom1[SetMonitoringDataType]


class SetMonitoringResultType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    id: Integer | UnsetType = UNSET
    status_info: StatusInfoType | UnsetType = UNSET
    status: SetMonitoringStatusEnumType
    type: MonitorEnumType
    component: ComponentType
    variable: VariableType
    severity: Integer


class SetVariableMonitoringResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    set_monitoring_result: ManyFrom1[SetMonitoringResultType]


class SetVariableDataType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    attribute_type: AttributeEnumType | UnsetType = UNSET
    attribute_value: Text1000
    component: ComponentType
    variable: VariableType


class SetVariablesRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    set_variable_data: ManyFrom1[SetVariableDataType]


class SetVariableResultType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    attribute_type: AttributeEnumType | UnsetType = UNSET
    attribute_status: SetVariableStatusEnumType
    attribute_status_info: StatusInfoType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType


class SetVariablesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    set_variable_result: ManyFrom1[SetVariableResultType]


class SignCertificateRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    csr: Text5500
    certificate_type: CertificateSigningUseEnumType | UnsetType = UNSET


class SignCertificateResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class StatusNotificationRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    timestamp: Time
    connector_status: ConnectorStatusEnumType
    evse_id: IntegerFrom0
    connector_id: IntegerFrom0


class StatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class TransactionType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    transaction_id: Text36
    charging_state: ChargingStateEnumType | UnsetType = UNSET
    time_spent_charging: Integer | UnsetType = UNSET
    stopped_reason: ReasonEnumType | UnsetType = UNSET
    remote_start_id: Integer | UnsetType = UNSET


class TransactionEventRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    event_type: TransactionEventEnumType
    meter_value: ManyFrom1[MeterValueType] | UnsetType = UNSET
    timestamp: Time
    trigger_reason: TriggerReasonEnumType
    seq_no: IntegerFrom0
    offline: bool | UnsetType = UNSET
    number_of_phases_used: Integer | UnsetType = UNSET
    cable_max_current: Integer | UnsetType = UNSET
    reservation_id: Integer | UnsetType = UNSET
    transaction_info: TransactionType
    evse: EVSEType | UnsetType = UNSET
    id_token: IdTokenType | UnsetType = UNSET


class TransactionEventResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    total_cost: float | UnsetType = UNSET
    charging_priority: Integer | UnsetType = UNSET
    id_token_info: IdTokenInfoType | UnsetType = UNSET
    updated_personal_message: MessageContentType | UnsetType = UNSET


class TriggerMessageRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse: EVSEType | UnsetType = UNSET
    requested_message: MessageTriggerEnumType


class TriggerMessageResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: TriggerMessageStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class UnlockConnectorRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    evse_id: IntegerFrom0
    connector_id: IntegerFrom0


class UnlockConnectorResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: UnlockStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


class UnpublishFirmwareRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    checksum: Text32


class UnpublishFirmwareResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: UnpublishFirmwareStatusEnumType


class FirmwareType(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    location: Text512
    retrieve_date_time: Time
    install_date_time: Time | UnsetType = UNSET
    signing_certificate: Text5500 | UnsetType = UNSET
    signature: Text800 | UnsetType = UNSET


class UpdateFirmwareRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET
    request_id: Integer
    firmware: FirmwareType


class UpdateFirmwareResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET
    status: UpdateFirmwareStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET


REQUESTS: Final[dict[str, type[Struct]]] = {
    "Authorize": AuthorizeRequest,
    "BootNotification": BootNotificationRequest,
    "CancelReservation": CancelReservationRequest,
    "CertificateSigned": CertificateSignedRequest,
    "ChangeAvailability": ChangeAvailabilityRequest,
    "ClearCache": ClearCacheRequest,
    "ClearChargingProfile": ClearChargingProfileRequest,
    "ClearDisplayMessage": ClearDisplayMessageRequest,
    "ClearVariableMonitoring": ClearVariableMonitoringRequest,
    "ClearedChargingLimit": ClearedChargingLimitRequest,
    "CostUpdated": CostUpdatedRequest,
    "CustomerInformation": CustomerInformationRequest,
    "DataTransfer": DataTransferRequest,
    "DeleteCertificate": DeleteCertificateRequest,
    "FirmwareStatusNotification": FirmwareStatusNotificationRequest,
    "Get15118EVCertificate": Get15118EVCertificateRequest,
    "GetBaseReport": GetBaseReportRequest,
    "GetCertificateStatus": GetCertificateStatusRequest,
    "GetChargingProfiles": GetChargingProfilesRequest,
    "GetCompositeSchedule": GetCompositeScheduleRequest,
    "GetDisplayMessages": GetDisplayMessagesRequest,
    "GetInstalledCertificateIds": GetInstalledCertificateIdsRequest,
    "GetLocalListVersion": GetLocalListVersionRequest,
    "GetLog": GetLogRequest,
    "GetMonitoringReport": GetMonitoringReportRequest,
    "GetReport": GetReportRequest,
    "GetTransactionStatus": GetTransactionStatusRequest,
    "GetVariables": GetVariablesRequest,
    "Heartbeat": HeartbeatRequest,
    "InstallCertificate": InstallCertificateRequest,
    "LogStatusNotification": LogStatusNotificationRequest,
    "MeterValues": MeterValuesRequest,
    "NotifyChargingLimit": NotifyChargingLimitRequest,
    "NotifyCustomerInformation": NotifyCustomerInformationRequest,
    "NotifyDisplayMessages": NotifyDisplayMessagesRequest,
    "NotifyEVChargingNeeds": NotifyEVChargingNeedsRequest,
    "NotifyEVChargingSchedule": NotifyEVChargingScheduleRequest,
    "NotifyEvent": NotifyEventRequest,
    "NotifyMonitoringReport": NotifyMonitoringReportRequest,
    "NotifyReport": NotifyReportRequest,
    "PublishFirmware": PublishFirmwareRequest,
    "PublishFirmwareStatusNotification": PublishFirmwareStatusNotificationRequest,
    "ReportChargingProfiles": ReportChargingProfilesRequest,
    "RequestStartTransaction": RequestStartTransactionRequest,
    "RequestStopTransaction": RequestStopTransactionRequest,
    "ReservationStatusUpdate": ReservationStatusUpdateRequest,
    "ReserveNow": ReserveNowRequest,
    "Reset": ResetRequest,
    "SecurityEventNotification": SecurityEventNotificationRequest,
    "SendLocalList": SendLocalListRequest,
    "SetChargingProfile": SetChargingProfileRequest,
    "SetDisplayMessage": SetDisplayMessageRequest,
    "SetMonitoringBase": SetMonitoringBaseRequest,
    "SetMonitoringLevel": SetMonitoringLevelRequest,
    "SetNetworkProfile": SetNetworkProfileRequest,
    "SetVariableMonitoring": SetVariableMonitoringRequest,
    "SetVariables": SetVariablesRequest,
    "SignCertificate": SignCertificateRequest,
    "StatusNotification": StatusNotificationRequest,
    "TransactionEvent": TransactionEventRequest,
    "TriggerMessage": TriggerMessageRequest,
    "UnlockConnector": UnlockConnectorRequest,
    "UnpublishFirmware": UnpublishFirmwareRequest,
    "UpdateFirmware": UpdateFirmwareRequest,
}

RESPONSES: Final[dict[str, type[Struct]]] = {
    "Authorize": AuthorizeResponse,
    "BootNotification": BootNotificationResponse,
    "CancelReservation": CancelReservationResponse,
    "CertificateSigned": CertificateSignedResponse,
    "ChangeAvailability": ChangeAvailabilityResponse,
    "ClearCache": ClearCacheResponse,
    "ClearChargingProfile": ClearChargingProfileResponse,
    "ClearDisplayMessage": ClearDisplayMessageResponse,
    "ClearVariableMonitoring": ClearVariableMonitoringResponse,
    "ClearedChargingLimit": ClearedChargingLimitResponse,
    "CostUpdated": CostUpdatedResponse,
    "CustomerInformation": CustomerInformationResponse,
    "DataTransfer": DataTransferResponse,
    "DeleteCertificate": DeleteCertificateResponse,
    "FirmwareStatusNotification": FirmwareStatusNotificationResponse,
    "Get15118EVCertificate": Get15118EVCertificateResponse,
    "GetBaseReport": GetBaseReportResponse,
    "GetCertificateStatus": GetCertificateStatusResponse,
    "GetChargingProfiles": GetChargingProfilesResponse,
    "GetCompositeSchedule": GetCompositeScheduleResponse,
    "GetDisplayMessages": GetDisplayMessagesResponse,
    "GetInstalledCertificateIds": GetInstalledCertificateIdsResponse,
    "GetLocalListVersion": GetLocalListVersionResponse,
    "GetLog": GetLogResponse,
    "GetMonitoringReport": GetMonitoringReportResponse,
    "GetReport": GetReportResponse,
    "GetTransactionStatus": GetTransactionStatusResponse,
    "GetVariables": GetVariablesResponse,
    "Heartbeat": HeartbeatResponse,
    "InstallCertificate": InstallCertificateResponse,
    "LogStatusNotification": LogStatusNotificationResponse,
    "MeterValues": MeterValuesResponse,
    "NotifyChargingLimit": NotifyChargingLimitResponse,
    "NotifyCustomerInformation": NotifyCustomerInformationResponse,
    "NotifyDisplayMessages": NotifyDisplayMessagesResponse,
    "NotifyEVChargingNeeds": NotifyEVChargingNeedsResponse,
    "NotifyEVChargingSchedule": NotifyEVChargingScheduleResponse,
    "NotifyEvent": NotifyEventResponse,
    "NotifyMonitoringReport": NotifyMonitoringReportResponse,
    "NotifyReport": NotifyReportResponse,
    "PublishFirmware": PublishFirmwareResponse,
    "PublishFirmwareStatusNotification": PublishFirmwareStatusNotificationResponse,
    "ReportChargingProfiles": ReportChargingProfilesResponse,
    "RequestStartTransaction": RequestStartTransactionResponse,
    "RequestStopTransaction": RequestStopTransactionResponse,
    "ReservationStatusUpdate": ReservationStatusUpdateResponse,
    "ReserveNow": ReserveNowResponse,
    "Reset": ResetResponse,
    "SecurityEventNotification": SecurityEventNotificationResponse,
    "SendLocalList": SendLocalListResponse,
    "SetChargingProfile": SetChargingProfileResponse,
    "SetDisplayMessage": SetDisplayMessageResponse,
    "SetMonitoringBase": SetMonitoringBaseResponse,
    "SetMonitoringLevel": SetMonitoringLevelResponse,
    "SetNetworkProfile": SetNetworkProfileResponse,
    "SetVariableMonitoring": SetVariableMonitoringResponse,
    "SetVariables": SetVariablesResponse,
    "SignCertificate": SignCertificateResponse,
    "StatusNotification": StatusNotificationResponse,
    "TransactionEvent": TransactionEventResponse,
    "TriggerMessage": TriggerMessageResponse,
    "UnlockConnector": UnlockConnectorResponse,
    "UnpublishFirmware": UnpublishFirmwareResponse,
    "UpdateFirmware": UpdateFirmwareResponse,
}
