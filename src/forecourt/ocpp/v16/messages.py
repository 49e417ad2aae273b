"""The messages of OCPP 1.6J with its security extensions.

Written by tools/generate_ocpp.py from the published JSON schemas; changes belong there. A field that is
absent is UNSET, for the schemas allow no null. No message can be part of a reference cycle (all is frozen
and decoded from a tree), so none is tracked by the garbage collector.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

Item = TypeVar("Item")
Integer = Annotated[int, Meta(ge=-2147483648, le=2147483647)]
IntegerFrom0 = Annotated[int, Meta(ge=0, le=2147483647)]
ManyFrom1 = Annotated[tuple[Item, ...], Meta(min_length=1)]
NumberBy0Point1 = Annotated[float, Meta(extra={"multiple_of": "0.1"})]
Text10000 = Annotated[str, Meta(max_length=10000)]
Text128 = Annotated[str, Meta(max_length=128)]
Text20 = Annotated[str, Meta(max_length=20)]
Text25 = Annotated[str, Meta(max_length=25)]
Text255 = Annotated[str, Meta(max_length=255)]
Text40 = Annotated[str, Meta(max_length=40)]
Text50 = Annotated[str, Meta(max_length=50)]
Text500 = Annotated[str, Meta(max_length=500)]
Text512 = Annotated[str, Meta(max_length=512)]
Text5500 = Annotated[str, Meta(max_length=5500)]
Text800 = Annotated[str, Meta(max_length=800)]
Time = Annotated[datetime, Meta(tz=True)]
Uri = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!#$%&-;=?-Z_a-z~\[\]]*$")]


class IdTagInfoStatus(StrEnum):
    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class BootNotificationStatus(StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class CancelReservationStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class CertificateSignedStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ChangeAvailabilityType(StrEnum):
    INOPERATIVE = "Inoperative"
    OPERATIVE = "Operative"


class ChangeAvailabilityStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class ChangeConfigurationStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


class ClearCacheStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ChargingProfilePurpose(StrEnum):
    CHARGE_POINT_MAX_PROFILE = "ChargePointMaxProfile"
    TX_DEFAULT_PROFILE = "TxDefaultProfile"
    TX_PROFILE = "TxProfile"


class ClearChargingProfileStatus(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class DataTransferStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"


class HashAlgorithmEnumType(StrEnum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class DeleteCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class DiagnosticsStatusNotificationStatus(StrEnum):
    IDLE = "Idle"
    UPLOADED = "Uploaded"
    UPLOAD_FAILED = "UploadFailed"
    UPLOADING = "Uploading"


class MessageTriggerEnumType(StrEnum):
    BOOT_NOTIFICATION = "BootNotification"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    SIGN_CHARGE_POINT_CERTIFICATE = "SignChargePointCertificate"
    STATUS_NOTIFICATION = "StatusNotification"


class TriggerMessageStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


class FirmwareStatusNotificationStatus(StrEnum):
    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"


class ChargingRateUnit(StrEnum):
    A = "A"
    W = "W"


class GetCompositeScheduleStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class CertificateUseEnumType(StrEnum):
    CENTRAL_SYSTEM_ROOT_CERTIFICATE = "CentralSystemRootCertificate"
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


class InstallCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    REJECTED = "Rejected"


class UploadLogStatusEnumType(StrEnum):
    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    UPLOADING = "Uploading"


class Context(StrEnum):
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"
    OTHER = "Other"


class Format(StrEnum):
    RAW = "Raw"
    SIGNED_DATA = "SignedData"


class Measurand(StrEnum):
    ENERGY_ACTIVE_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_REACTIVE_EXPORT_REGISTER = "Energy.Reactive.Export.Register"
    ENERGY_REACTIVE_IMPORT_REGISTER = "Energy.Reactive.Import.Register"
    ENERGY_ACTIVE_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    ENERGY_ACTIVE_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_REACTIVE_EXPORT_INTERVAL = "Energy.Reactive.Export.Interval"
    ENERGY_REACTIVE_IMPORT_INTERVAL = "Energy.Reactive.Import.Interval"
    POWER_ACTIVE_EXPORT = "Power.Active.Export"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    POWER_REACTIVE_EXPORT = "Power.Reactive.Export"
    POWER_REACTIVE_IMPORT = "Power.Reactive.Import"
    POWER_FACTOR = "Power.Factor"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_EXPORT = "Current.Export"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"
    TEMPERATURE = "Temperature"
    SO_C = "SoC"
    RPM = "RPM"


class Phase(StrEnum):
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


class Location(StrEnum):
    CABLE = "Cable"
    EV = "EV"
    INLET = "Inlet"
    OUTLET = "Outlet"
    BODY = "Body"


class Unit(StrEnum):
    WH = "Wh"
    K_WH = "kWh"
    VARH = "varh"
    KVARH = "kvarh"
    W = "W"
    K_W = "kW"
    VA = "VA"
    K_VA = "kVA"
    VAR = "var"
    KVAR = "kvar"
    A = "A"
    V = "V"
    K = "K"
    CELCIUS = "Celcius"
    CELSIUS = "Celsius"
    FAHRENHEIT = "Fahrenheit"
    PERCENT = "Percent"
    HERTZ = "Hertz"


class ChargingProfileKind(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RecurrencyKind(StrEnum):
    DAILY = "Daily"
    WEEKLY = "Weekly"


class RemoteStartTransactionStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class RemoteStopTransactionStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ReserveNowStatus(StrEnum):
    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class ResetType(StrEnum):
    HARD = "Hard"
    SOFT = "Soft"


class ResetStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class UpdateType(StrEnum):
    DIFFERENTIAL = "Differential"
    FULL = "Full"


class SendLocalListStatus(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_SUPPORTED = "NotSupported"
    VERSION_MISMATCH = "VersionMismatch"


class SetChargingProfileStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"


class GenericStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


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


class UpdateFirmwareStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"


class ErrorCode(StrEnum):
    CONNECTOR_LOCK_FAILURE = "ConnectorLockFailure"
    EV_COMMUNICATION_ERROR = "EVCommunicationError"
    GROUND_FAILURE = "GroundFailure"
    HIGH_TEMPERATURE = "HighTemperature"
    INTERNAL_ERROR = "InternalError"
    LOCAL_LIST_CONFLICT = "LocalListConflict"
    NO_ERROR = "NoError"
    OTHER_ERROR = "OtherError"
    OVER_CURRENT_FAILURE = "OverCurrentFailure"
    POWER_METER_FAILURE = "PowerMeterFailure"
    POWER_SWITCH_FAILURE = "PowerSwitchFailure"
    READER_FAILURE = "ReaderFailure"
    RESET_FAILURE = "ResetFailure"
    UNDER_VOLTAGE = "UnderVoltage"
    OVER_VOLTAGE = "OverVoltage"
    WEAK_SIGNAL = "WeakSignal"


class StatusNotificationStatus(StrEnum):
    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class Reason(StrEnum):
    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"
    DE_AUTHORIZED = "DeAuthorized"


class StopTransactionUnit(StrEnum):
    WH = "Wh"
    K_WH = "kWh"
    VARH = "varh"
    KVARH = "kvarh"
    W = "W"
    K_W = "kW"
    VA = "VA"
    K_VA = "kVA"
    VAR = "var"
    KVAR = "kvar"
    A = "A"
    V = "V"
    K = "K"
    CELCIUS = "Celcius"
    CELSIUS = "Celsius"
    FAHRENHEIT = "Fahrenheit"
    PERCENT = "Percent"


class RequestedMessage(StrEnum):
    BOOT_NOTIFICATION = "BootNotification"
    DIAGNOSTICS_STATUS_NOTIFICATION = "DiagnosticsStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    STATUS_NOTIFICATION = "StatusNotification"


class TriggerMessageStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


class UnlockConnectorStatus(StrEnum):
    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    NOT_SUPPORTED = "NotSupported"


class Closed(Struct, frozen=True, kw_only=True, gc=False, rename="camel", forbid_unknown_fields=True):
    pass


class AuthorizeRequest(Closed, frozen=True, kw_only=True):
    id_tag: Text20


class IdTagInfo(Closed, frozen=True, kw_only=True):
    expiry_date: Time | UnsetType = UNSET
    parent_id_tag: Text20 | UnsetType = UNSET
    status: IdTagInfoStatus


class AuthorizeResponse(Closed, frozen=True, kw_only=True):
    id_tag_info: IdTagInfo


class BootNotificationRequest(Closed, frozen=True, kw_only=True):
    charge_point_vendor: Text20
    charge_point_model: Text20
    charge_point_serial_number: Text25 | UnsetType = UNSET
    charge_box_serial_number: Text25 | UnsetType = UNSET
    firmware_version: Text50 | UnsetType = UNSET
    iccid: Text20 | UnsetType = UNSET
    imsi: Text20 | UnsetType = UNSET
    meter_type: Text25 | UnsetType = UNSET
    meter_serial_number: Text25 | UnsetType = UNSET


class BootNotificationResponse(Closed, frozen=True, kw_only=True):
    status: BootNotificationStatus
    current_time: Time
    interval: Integer


class CancelReservationRequest(Closed, frozen=True, kw_only=True):
    reservation_id: Integer


class CancelReservationResponse(Closed, frozen=True, kw_only=True):
    status: CancelReservationStatus


class CertificateSignedRequest(Closed, frozen=True, kw_only=True):
    certificate_chain: Text10000


class CertificateSignedResponse(Closed, frozen=True, kw_only=True):
    status: CertificateSignedStatusEnumType


class ChangeAvailabilityRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    type: ChangeAvailabilityType


class ChangeAvailabilityResponse(Closed, frozen=True, kw_only=True):
    status: ChangeAvailabilityStatus


class ChangeConfigurationRequest(Closed, frozen=True, kw_only=True):
    key: Text50
    value: Text500


class ChangeConfigurationResponse(Closed, frozen=True, kw_only=True):
    status: ChangeConfigurationStatus


class ClearCacheRequest(Closed, frozen=True, kw_only=True):
    pass


class ClearCacheResponse(Closed, frozen=True, kw_only=True):
    status: ClearCacheStatus


class ClearChargingProfileRequest(Closed, frozen=True, kw_only=True):
    id: Integer | UnsetType = UNSET
    connector_id: IntegerFrom0 | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurpose | UnsetType = UNSET
    stack_level: Integer | UnsetType = UNSET


class ClearChargingProfileResponse(Closed, frozen=True, kw_only=True):
    status: ClearChargingProfileStatus


class DataTransferRequest(Closed, frozen=True, kw_only=True):
    vendor_id: Text255
    message_id: Text50 | UnsetType = UNSET
    data: str | UnsetType = UNSET


class DataTransferResponse(Closed, frozen=True, kw_only=True):
    status: DataTransferStatus
    data: str | UnsetType = UNSET


class CertificateHashDataType(Closed, frozen=True, kw_only=True):
    hash_algorithm: HashAlgorithmEnumType
    issuer_name_hash: Text128
    issuer_key_hash: Text128
    serial_number: Text40


class DeleteCertificateRequest(Closed, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashDataType


class DeleteCertificateResponse(Closed, frozen=True, kw_only=True):
    status: DeleteCertificateStatusEnumType


class DiagnosticsStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: DiagnosticsStatusNotificationStatus


class DiagnosticsStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    pass


class ExtendedTriggerMessageRequest(Closed, frozen=True, kw_only=True):
    requested_message: MessageTriggerEnumType
    connector_id: IntegerFrom0 | UnsetType = UNSET


class ExtendedTriggerMessageResponse(Closed, frozen=True, kw_only=True):
    status: TriggerMessageStatusEnumType


class FirmwareStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: FirmwareStatusNotificationStatus


class FirmwareStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    pass


class GetCompositeScheduleRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    duration: Integer
    charging_rate_unit: ChargingRateUnit | UnsetType = UNSET


class ChargingSchedulePeriod(Closed, frozen=True, kw_only=True):
    start_period: Integer
    limit: NumberBy0Point1
    number_phases: Integer | UnsetType = UNSET


class ChargingSchedule(Closed, frozen=True, kw_only=True):
    duration: Integer | UnsetType = UNSET
    start_schedule: Time | UnsetType = UNSET
    charging_rate_unit: ChargingRateUnit
    charging_schedule_period: tuple[ChargingSchedulePeriod, ...]
    min_charging_rate: NumberBy0Point1 | UnsetType = UNSET


class GetCompositeScheduleResponse(Closed, frozen=True, kw_only=True):
    status: GetCompositeScheduleStatus
    connector_id: IntegerFrom0 | UnsetType = UNSET
    schedule_start: Time | UnsetType = UNSET
    charging_schedule: ChargingSchedule | UnsetType = UNSET


class GetConfigurationRequest(Closed, frozen=True, kw_only=True):
    key: tuple[Text50, ...] | UnsetType = UNSET


class KeyValue(Closed, frozen=True, kw_only=True):
    key: Text50
    readonly: bool
    value: Text500 | UnsetType = UNSET


class GetConfigurationResponse(Closed, frozen=True, kw_only=True):
    configuration_key: tuple[KeyValue, ...] | UnsetType = UNSET
    unknown_key: tuple[Text50, ...] | UnsetType = UNSET


class GetDiagnosticsRequest(Closed, frozen=True, kw_only=True):
    location: Uri
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET
    start_time: Time | UnsetType = UNSET
    stop_time: Time | UnsetType = UNSET


class GetDiagnosticsResponse(Closed, frozen=True, kw_only=True):
    file_name: Text255 | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Closed, frozen=True, kw_only=True):
    certificate_type: CertificateUseEnumType


class GetInstalledCertificateIdsResponse(Closed, frozen=True, kw_only=True):
    certificate_hash_data: ManyFrom1[CertificateHashDataType] | UnsetType = UNSET
    status: GetInstalledCertificateStatusEnumType


class GetLocalListVersionRequest(Closed, frozen=True, kw_only=True):
    pass


class GetLocalListVersionResponse(Closed, frozen=True, kw_only=True):
    list_version: Integer


class LogParametersType(Closed, frozen=True, kw_only=True):
    remote_location: Text512
    oldest_timestamp: Time | UnsetType = UNSET
    latest_timestamp: Time | UnsetType = UNSET


class GetLogRequest(Closed, frozen=True, kw_only=True):
    log: LogParametersType
    log_type: LogEnumType
    request_id: Integer
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET


class GetLogResponse(Closed, frozen=True, kw_only=True):
    status: LogStatusEnumType
    filename: Text255 | UnsetType = UNSET


class HeartbeatRequest(Closed, frozen=True, kw_only=True):
    pass


class HeartbeatResponse(Closed, frozen=True, kw_only=True):
    current_time: Time


class InstallCertificateRequest(Closed, frozen=True, kw_only=True):
    certificate_type: CertificateUseEnumType
    certificate: Text5500


class InstallCertificateResponse(Closed, frozen=True, kw_only=True):
    status: InstallCertificateStatusEnumType


class LogStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: UploadLogStatusEnumType
    request_id: Integer | UnsetType = UNSET


class LogStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    pass


class SampledValue(Closed, frozen=True, kw_only=True):
    value: str
    context: Context | UnsetType = UNSET
    format: Format | UnsetType = UNSET
    measurand: Measurand | UnsetType = UNSET
    phase: Phase | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    unit: Unit | UnsetType = UNSET


class MeterValue(Closed, frozen=True, kw_only=True):
    timestamp: Time
    sampled_value: ManyFrom1[SampledValue]


class MeterValuesRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    transaction_id: Integer | UnsetType = UNSET
    meter_value: ManyFrom1[MeterValue]


class MeterValuesResponse(Closed, frozen=True, kw_only=True):
    pass


class ChargingProfile(Closed, frozen=True, kw_only=True):
    charging_profile_id: Integer
    transaction_id: Integer | UnsetType = UNSET
    stack_level: Integer
    charging_profile_purpose: ChargingProfilePurpose
    charging_profile_kind: ChargingProfileKind
    recurrency_kind: RecurrencyKind | UnsetType = UNSET
    valid_from: Time | UnsetType = UNSET
    valid_to: Time | UnsetType = UNSET
    charging_schedule: ChargingSchedule


class RemoteStartTransactionRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0 | UnsetType = UNSET
    id_tag: Text20
    charging_profile: ChargingProfile | UnsetType = UNSET


class RemoteStartTransactionResponse(Closed, frozen=True, kw_only=True):
    status: RemoteStartTransactionStatus


class RemoteStopTransactionRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Integer


class RemoteStopTransactionResponse(Closed, frozen=True, kw_only=True):
    status: RemoteStopTransactionStatus


class ReserveNowRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    expiry_date: Time
    id_tag: Text20
    parent_id_tag: Text20 | UnsetType = UNSET
    reservation_id: Integer


class ReserveNowResponse(Closed, frozen=True, kw_only=True):
    status: ReserveNowStatus


class ResetRequest(Closed, frozen=True, kw_only=True):
    type: ResetType


class ResetResponse(Closed, frozen=True, kw_only=True):
    status: ResetStatus


class SecurityEventNotificationRequest(Closed, frozen=True, kw_only=True):
    type: Text50
    timestamp: Time
    tech_info: Text255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Closed, frozen=True, kw_only=True):
    pass


class AuthorizationData(Closed, frozen=True, kw_only=True):
    id_tag: Text20
    id_tag_info: IdTagInfo | UnsetType = UNSET


class SendLocalListRequest(Closed, frozen=True, kw_only=True):
    list_version: Integer
    local_authorization_list: tuple[AuthorizationData, ...] | UnsetType = UNSET
    update_type: UpdateType


class SendLocalListResponse(Closed, frozen=True, kw_only=True):
    status: SendLocalListStatus


class SetChargingProfileRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    cs_charging_profiles: ChargingProfile


class SetChargingProfileResponse(Closed, frozen=True, kw_only=True):
    status: SetChargingProfileStatus


class SignCertificateRequest(Closed, frozen=True, kw_only=True):
    csr: Text5500


class SignCertificateResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType


class SignedFirmwareStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: FirmwareStatusEnumType
    request_id: Integer | UnsetType = UNSET


class SignedFirmwareStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    pass


class FirmwareType(Closed, frozen=True, kw_only=True):
    location: Text512
    retrieve_date_time: Time
    install_date_time: Time | UnsetType = UNSET
    signing_certificate: Text5500
    signature: Text800


class SignedUpdateFirmwareRequest(Closed, frozen=True, kw_only=True):
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET
    request_id: Integer
    firmware: FirmwareType


class SignedUpdateFirmwareResponse(Closed, frozen=True, kw_only=True):
    status: UpdateFirmwareStatusEnumType


class StartTransactionRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    id_tag: Text20
    meter_start: Integer
    reservation_id: Integer | UnsetType = UNSET
    timestamp: Time


class StartTransactionResponse(Closed, frozen=True, kw_only=True):
    id_tag_info: IdTagInfo
    transaction_id: Integer


class StatusNotificationRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0
    error_code: ErrorCode
    info: Text50 | UnsetType = UNSET
    status: StatusNotificationStatus
    timestamp: Time | UnsetType = UNSET
    vendor_id: Text255 | UnsetType = UNSET
    vendor_error_code: Text50 | UnsetType = UNSET


class StatusNotificationResponse(Closed, frozen=True, kw_only=True):
    pass


class StopTransactionSampledValue(Closed, frozen=True, kw_only=True):
    value: str
    context: Context | UnsetType = UNSET
    format: Format | UnsetType = UNSET
    measurand: Measurand | UnsetType = UNSET
    phase: Phase | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    unit: StopTransactionUnit | UnsetType = UNSET


class TransactionData(Closed, frozen=True, kw_only=True):
    timestamp: Time
    sampled_value: tuple[StopTransactionSampledValue, ...]


class StopTransactionRequest(Closed, frozen=True, kw_only=True):
    id_tag: Text20 | UnsetType = UNSET
    meter_stop: Integer
    timestamp: Time
    transaction_id: Integer
    reason: Reason | UnsetType = UNSET
    transaction_data: tuple[TransactionData, ...] | UnsetType = UNSET


class StopTransactionResponse(Closed, frozen=True, kw_only=True):
    id_tag_info: IdTagInfo | UnsetType = UNSET


class TriggerMessageRequest(Closed, frozen=True, kw_only=True):
    requested_message: RequestedMessage
    connector_id: IntegerFrom0 | UnsetType = UNSET


class TriggerMessageResponse(Closed, frozen=True, kw_only=True):
    status: TriggerMessageStatus


class UnlockConnectorRequest(Closed, frozen=True, kw_only=True):
    connector_id: IntegerFrom0


class UnlockConnectorResponse(Closed, frozen=True, kw_only=True):
    status: UnlockConnectorStatus


class UpdateFirmwareRequest(Closed, frozen=True, kw_only=True):
    location: Uri
    retries: Integer | UnsetType = UNSET
    retrieve_date: Time
    retry_interval: Integer | UnsetType = UNSET


class UpdateFirmwareResponse(Closed, frozen=True, kw_only=True):
    pass


REQUESTS: Final[dict[str, type[Struct]]] = {
    "Authorize": AuthorizeRequest,
    "BootNotification": BootNotificationRequest,
    "CancelReservation": CancelReservationRequest,
    "CertificateSigned": CertificateSignedRequest,
    "ChangeAvailability": ChangeAvailabilityRequest,
    "ChangeConfiguration": ChangeConfigurationRequest,
    "ClearCache": ClearCacheRequest,
    "ClearChargingProfile": ClearChargingProfileRequest,
    "DataTransfer": DataTransferRequest,
    "DeleteCertificate": DeleteCertificateRequest,
    "DiagnosticsStatusNotification": DiagnosticsStatusNotificationRequest,
    "ExtendedTriggerMessage": ExtendedTriggerMessageRequest,
    "FirmwareStatusNotification": FirmwareStatusNotificationRequest,
    "GetCompositeSchedule": GetCompositeScheduleRequest,
    "GetConfiguration": GetConfigurationRequest,
    "GetDiagnostics": GetDiagnosticsRequest,
    "GetInstalledCertificateIds": GetInstalledCertificateIdsRequest,
    "GetLocalListVersion": GetLocalListVersionRequest,
    "GetLog": GetLogRequest,
    "Heartbeat": HeartbeatRequest,
    "InstallCertificate": InstallCertificateRequest,
    "LogStatusNotification": LogStatusNotificationRequest,
    "MeterValues": MeterValuesRequest,
    "RemoteStartTransaction": RemoteStartTransactionRequest,
    "RemoteStopTransaction": RemoteStopTransactionRequest,
    "ReserveNow": ReserveNowRequest,
    "Reset": ResetRequest,
    "SecurityEventNotification": SecurityEventNotificationRequest,
    "SendLocalList": SendLocalListRequest,
    "SetChargingProfile": SetChargingProfileRequest,
    "SignCertificate": SignCertificateRequest,
    "SignedFirmwareStatusNotification": SignedFirmwareStatusNotificationRequest,
    "SignedUpdateFirmware": SignedUpdateFirmwareRequest,
    "StartTransaction": StartTransactionRequest,
    "StatusNotification": StatusNotificationRequest,
    "StopTransaction": StopTransactionRequest,
    "TriggerMessage": TriggerMessageRequest,
    "UnlockConnector": UnlockConnectorRequest,
    "UpdateFirmware": UpdateFirmwareRequest,
}

RESPONSES: Final[dict[str, type[Struct]]] = {
    "Authorize": AuthorizeResponse,
    "BootNotification": BootNotificationResponse,
    "CancelReservation": CancelReservationResponse,
    "CertificateSigned": CertificateSignedResponse,
    "ChangeAvailability": ChangeAvailabilityResponse,
    "ChangeConfiguration": ChangeConfigurationResponse,
    "ClearCache": ClearCacheResponse,
    "ClearChargingProfile": ClearChargingProfileResponse,
    "DataTransfer": DataTransferResponse,
    "DeleteCertificate": DeleteCertificateResponse,
    "DiagnosticsStatusNotification": DiagnosticsStatusNotificationResponse,
    "ExtendedTriggerMessage": ExtendedTriggerMessageResponse,
    "FirmwareStatusNotification": FirmwareStatusNotificationResponse,
    "GetCompositeSchedule": GetCompositeScheduleResponse,
    "GetConfiguration": GetConfigurationResponse,
    "GetDiagnostics": GetDiagnosticsResponse,
    "GetInstalledCertificateIds": GetInstalledCertificateIdsResponse,
    "GetLocalListVersion": GetLocalListVersionResponse,
    "GetLog": GetLogResponse,
    "Heartbeat": HeartbeatResponse,
    "InstallCertificate": InstallCertificateResponse,
    "LogStatusNotification": LogStatusNotificationResponse,
    "MeterValues": MeterValuesResponse,
    "RemoteStartTransaction": RemoteStartTransactionResponse,
    "RemoteStopTransaction": RemoteStopTransactionResponse,
    "ReserveNow": ReserveNowResponse,
    "Reset": ResetResponse,
    "SecurityEventNotification": SecurityEventNotificationResponse,
    "SendLocalList": SendLocalListResponse,
    "SetChargingProfile": SetChargingProfileResponse,
    "SignCertificate": SignCertificateResponse,
    "SignedFirmwareStatusNotification": SignedFirmwareStatusNotificationResponse,
    "SignedUpdateFirmware": SignedUpdateFirmwareResponse,
    "StartTransaction": StartTransactionResponse,
    "StatusNotification": StatusNotificationResponse,
    "StopTransaction": StopTransactionResponse,
    "TriggerMessage": TriggerMessageResponse,
    "UnlockConnector": UnlockConnectorResponse,
    "UpdateFirmware": UpdateFirmwareResponse,
}
