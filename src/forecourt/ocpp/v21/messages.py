"""The messages of OCPP 2.1.

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
IntegerFrom0To3 = Annotated[int, Meta(ge=0, le=3)]
IntegerFrom1 = Annotated[int, Meta(ge=1, le=2147483647)]
ManyFrom1 = Annotated[tuple[Item, ...], Meta(min_length=1)]
ManyFrom1To10 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=10)]
ManyFrom1To100 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=100)]
ManyFrom1To1024 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=1024)]
ManyFrom1To20 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=20)]
ManyFrom1To24 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=24)]
ManyFrom1To3 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=3)]
ManyFrom1To4 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=4)]
ManyFrom1To5 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=5)]
ManyFrom1To7 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=7)]
ManyFrom1To8 = Annotated[tuple[Item, ...], Meta(min_length=1, max_length=8)]
NumberFrom0To100 = Annotated[float, Meta(ge=0.0, le=100.0)]
NumberTo0 = Annotated[float, Meta(le=0.0)]
Text100 = Annotated[str, Meta(max_length=100)]
Text1000 = Annotated[str, Meta(max_length=1000)]
Text10000 = Annotated[str, Meta(max_length=10000)]
Text1024 = Annotated[str, Meta(max_length=1024)]
Text11000 = Annotated[str, Meta(max_length=11000)]
Text128 = Annotated[str, Meta(max_length=128)]
Text16 = Annotated[str, Meta(max_length=16)]
Text160 = Annotated[str, Meta(max_length=160)]
Text17000 = Annotated[str, Meta(max_length=17000)]
Text18000 = Annotated[str, Meta(max_length=18000)]
Text20 = Annotated[str, Meta(max_length=20)]
Text200 = Annotated[str, Meta(max_length=200)]
Text2000 = Annotated[str, Meta(max_length=2000)]
Text25 = Annotated[str, Meta(max_length=25)]
Text2500 = Annotated[str, Meta(max_length=2500)]
Text255 = Annotated[str, Meta(max_length=255)]
Text256 = Annotated[str, Meta(max_length=256)]
Text3 = Annotated[str, Meta(max_length=3)]
Text32 = Annotated[str, Meta(max_length=32)]
Text32768 = Annotated[str, Meta(max_length=32768)]
Text36 = Annotated[str, Meta(max_length=36)]
Text40 = Annotated[str, Meta(max_length=40)]
Text48 = Annotated[str, Meta(max_length=48)]
Text50 = Annotated[str, Meta(max_length=50)]
Text500 = Annotated[str, Meta(max_length=500)]
Text512 = Annotated[str, Meta(max_length=512)]
Text5500 = Annotated[str, Meta(max_length=5500)]
Text6 = Annotated[str, Meta(max_length=6)]
Text60 = Annotated[str, Meta(max_length=60)]
Text64 = Annotated[str, Meta(max_length=64)]
Text8 = Annotated[str, Meta(max_length=8)]
Text80 = Annotated[str, Meta(max_length=80)]
Text800 = Annotated[str, Meta(max_length=800)]
Text88 = Annotated[str, Meta(max_length=88)]
Time = Annotated[datetime, Meta(tz=True)]


class GenericStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


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
    QRCODE = "QRCODE"


class AuthorizeCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class EnergyTransferModeEnumType(StrEnum):
    AC_SINGLE_PHASE = "AC_single_phase"
    AC_TWO_PHASE = "AC_two_phase"
    AC_THREE_PHASE = "AC_three_phase"
    DC = "DC"
    AC_BPT = "AC_BPT"
    AC_BPT_DER = "AC_BPT_DER"
    AC_DER = "AC_DER"
    DC_BPT = "DC_BPT"
    DC_ACDP = "DC_ACDP"
    DC_ACDP_BPT = "DC_ACDP_BPT"
    WPT = "WPT"


class DayOfWeekEnumType(StrEnum):
    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


class EvseKindEnumType(StrEnum):
    AC = "AC"
    DC = "DC"


class BatterySwapEventEnumType(StrEnum):
    BATTERY_IN = "BatteryIn"
    BATTERY_OUT = "BatteryOut"
    BATTERY_OUT_TIMEOUT = "BatteryOutTimeout"


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
    V2_G20_CERTIFICATE = "V2G20Certificate"


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


class TariffChangeStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    TOO_MANY_ELEMENTS = "TooManyElements"
    CONDITION_NOT_SUPPORTED = "ConditionNotSupported"
    TX_NOT_FOUND = "TxNotFound"
    NO_CURRENCY_CHANGE = "NoCurrencyChange"


class ClearCacheStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ChargingProfilePurposeEnumType(StrEnum):
    CHARGING_STATION_EXTERNAL_CONSTRAINTS = "ChargingStationExternalConstraints"
    CHARGING_STATION_MAX_PROFILE = "ChargingStationMaxProfile"
    TX_DEFAULT_PROFILE = "TxDefaultProfile"
    TX_PROFILE = "TxProfile"
    PRIORITY_CHARGING = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


class ClearChargingProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class DERControlEnumType(StrEnum):
    ENTER_SERVICE = "EnterService"
    FREQ_DROOP = "FreqDroop"
    FREQ_WATT = "FreqWatt"
    FIXED_PF_ABSORB = "FixedPFAbsorb"
    FIXED_PF_INJECT = "FixedPFInject"
    FIXED_VAR = "FixedVar"
    GRADIENTS = "Gradients"
    HF_MUST_TRIP = "HFMustTrip"
    HF_MAY_TRIP = "HFMayTrip"
    HV_MUST_TRIP = "HVMustTrip"
    HV_MOM_CESS = "HVMomCess"
    HV_MAY_TRIP = "HVMayTrip"
    LIMIT_MAX_DISCHARGE = "LimitMaxDischarge"
    LF_MUST_TRIP = "LFMustTrip"
    LV_MUST_TRIP = "LVMustTrip"
    LV_MOM_CESS = "LVMomCess"
    LV_MAY_TRIP = "LVMayTrip"
    POWER_MONITORING_MUST_TRIP = "PowerMonitoringMustTrip"
    VOLT_VAR = "VoltVar"
    VOLT_WATT = "VoltWatt"
    WATT_PF = "WattPF"
    WATT_VAR = "WattVar"


class DERControlStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"
    NOT_FOUND = "NotFound"


class ClearMessageStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"
    REJECTED = "Rejected"


class TariffClearStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NO_TARIFF = "NoTariff"


class ClearMonitoringStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_FOUND = "NotFound"


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


class CertificateStatusSourceEnumType(StrEnum):
    CRL = "CRL"
    OCSP = "OCSP"


class CertificateStatusEnumType(StrEnum):
    GOOD = "Good"
    REVOKED = "Revoked"
    UNKNOWN = "Unknown"
    FAILED = "Failed"


class GetCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"


class GetChargingProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    NO_PROFILES = "NoProfiles"


class ChargingRateUnitEnumType(StrEnum):
    W = "W"
    A = "A"


class OperationModeEnumType(StrEnum):
    IDLE = "Idle"
    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    CENTRAL_FREQUENCY = "CentralFrequency"
    LOCAL_FREQUENCY = "LocalFrequency"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"


class MessagePriorityEnumType(StrEnum):
    ALWAYS_FRONT = "AlwaysFront"
    IN_FRONT = "InFront"
    NORMAL_CYCLE = "NormalCycle"


class MessageStateEnumType(StrEnum):
    CHARGING = "Charging"
    FAULTED = "Faulted"
    IDLE = "Idle"
    UNAVAILABLE = "Unavailable"
    SUSPENDED = "Suspended"
    DISCHARGING = "Discharging"


class GetDisplayMessagesStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class GetCertificateIdUseEnumType(StrEnum):
    V2_G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    V2_G_CERTIFICATE_CHAIN = "V2GCertificateChain"
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"
    OEM_ROOT_CERTIFICATE = "OEMRootCertificate"


class GetInstalledCertificateStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class LogEnumType(StrEnum):
    DIAGNOSTICS_LOG = "DiagnosticsLog"
    SECURITY_LOG = "SecurityLog"
    DATA_COLLECTOR_LOG = "DataCollectorLog"


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


class TariffGetStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NO_TARIFF = "NoTariff"


class TariffKindEnumType(StrEnum):
    DEFAULT_TARIFF = "DefaultTariff"
    DRIVER_TARIFF = "DriverTariff"


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
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    OEM_ROOT_CERTIFICATE = "OEMRootCertificate"


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


class MeasurandEnumType(StrEnum):
    CURRENT_EXPORT = "Current.Export"
    CURRENT_EXPORT_OFFERED = "Current.Export.Offered"
    CURRENT_EXPORT_MINIMUM = "Current.Export.Minimum"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_IMPORT_OFFERED = "Current.Import.Offered"
    CURRENT_IMPORT_MINIMUM = "Current.Import.Minimum"
    CURRENT_OFFERED = "Current.Offered"
    DISPLAY_PRESENT_SOC = "Display.PresentSOC"
    DISPLAY_MINIMUM_SOC = "Display.MinimumSOC"
    DISPLAY_TARGET_SOC = "Display.TargetSOC"
    DISPLAY_MAXIMUM_SOC = "Display.MaximumSOC"
    DISPLAY_REMAINING_TIME_TO_MINIMUM_SOC = "Display.RemainingTimeToMinimumSOC"
    DISPLAY_REMAINING_TIME_TO_TARGET_SOC = "Display.RemainingTimeToTargetSOC"
    DISPLAY_REMAINING_TIME_TO_MAXIMUM_SOC = "Display.RemainingTimeToMaximumSOC"
    DISPLAY_CHARGING_COMPLETE = "Display.ChargingComplete"
    DISPLAY_BATTERY_ENERGY_CAPACITY = "Display.BatteryEnergyCapacity"
    DISPLAY_INLET_HOT = "Display.InletHot"
    ENERGY_ACTIVE_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    ENERGY_ACTIVE_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_ACTIVE_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_ACTIVE_IMPORT_CABLE_LOSS = "Energy.Active.Import.CableLoss"
    ENERGY_ACTIVE_IMPORT_LOCAL_GENERATION_REGISTER = "Energy.Active.Import.LocalGeneration.Register"
    ENERGY_ACTIVE_NET = "Energy.Active.Net"
    ENERGY_ACTIVE_SETPOINT_INTERVAL = "Energy.Active.Setpoint.Interval"
    ENERGY_APPARENT_EXPORT = "Energy.Apparent.Export"
    ENERGY_APPARENT_IMPORT = "Energy.Apparent.Import"
    ENERGY_APPARENT_NET = "Energy.Apparent.Net"
    ENERGY_REACTIVE_EXPORT_INTERVAL = "Energy.Reactive.Export.Interval"
    ENERGY_REACTIVE_EXPORT_REGISTER = "Energy.Reactive.Export.Register"
    ENERGY_REACTIVE_IMPORT_INTERVAL = "Energy.Reactive.Import.Interval"
    ENERGY_REACTIVE_IMPORT_REGISTER = "Energy.Reactive.Import.Register"
    ENERGY_REACTIVE_NET = "Energy.Reactive.Net"
    ENERGY_REQUEST_TARGET = "EnergyRequest.Target"
    ENERGY_REQUEST_MINIMUM = "EnergyRequest.Minimum"
    ENERGY_REQUEST_MAXIMUM = "EnergyRequest.Maximum"
    ENERGY_REQUEST_MINIMUM_V2_X = "EnergyRequest.Minimum.V2X"
    ENERGY_REQUEST_MAXIMUM_V2_X = "EnergyRequest.Maximum.V2X"
    ENERGY_REQUEST_BULK = "EnergyRequest.Bulk"
    FREQUENCY = "Frequency"
    POWER_ACTIVE_EXPORT = "Power.Active.Export"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_ACTIVE_SETPOINT = "Power.Active.Setpoint"
    POWER_ACTIVE_RESIDUAL = "Power.Active.Residual"
    POWER_EXPORT_MINIMUM = "Power.Export.Minimum"
    POWER_EXPORT_OFFERED = "Power.Export.Offered"
    POWER_FACTOR = "Power.Factor"
    POWER_IMPORT_OFFERED = "Power.Import.Offered"
    POWER_IMPORT_MINIMUM = "Power.Import.Minimum"
    POWER_OFFERED = "Power.Offered"
    POWER_REACTIVE_EXPORT = "Power.Reactive.Export"
    POWER_REACTIVE_IMPORT = "Power.Reactive.Import"
    SO_C = "SoC"
    VOLTAGE = "Voltage"
    VOLTAGE_MINIMUM = "Voltage.Minimum"
    VOLTAGE_MAXIMUM = "Voltage.Maximum"


class ReadingContextEnumType(StrEnum):
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"


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
    UPSTREAM = "Upstream"


class NotifyAllowedEnergyTransferStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class CostKindEnumType(StrEnum):
    CARBON_DIOXIDE_EMISSION = "CarbonDioxideEmission"
    RELATIVE_PRICE_PERCENTAGE = "RelativePricePercentage"
    RENEWABLE_GENERATION_PERCENTAGE = "RenewableGenerationPercentage"


class GridEventFaultEnumType(StrEnum):
    CURRENT_IMBALANCE = "CurrentImbalance"
    LOCAL_EMERGENCY = "LocalEmergency"
    LOW_INPUT_POWER = "LowInputPower"
    OVER_CURRENT = "OverCurrent"
    OVER_FREQUENCY = "OverFrequency"
    OVER_VOLTAGE = "OverVoltage"
    PHASE_ROTATION = "PhaseRotation"
    REMOTE_EMERGENCY = "RemoteEmergency"
    UNDER_FREQUENCY = "UnderFrequency"
    UNDER_VOLTAGE = "UnderVoltage"
    VOLTAGE_IMBALANCE = "VoltageImbalance"


class IslandingDetectionEnumType(StrEnum):
    NO_ANTI_ISLANDING_SUPPORT = "NoAntiIslandingSupport"
    RO_CO_F = "RoCoF"
    UVP_OVP = "UVP_OVP"
    UFP_OFP = "UFP_OFP"
    VOLTAGE_VECTOR_SHIFT = "VoltageVectorShift"
    ZERO_CROSSING_DETECTION = "ZeroCrossingDetection"
    OTHER_PASSIVE = "OtherPassive"
    IMPEDANCE_MEASUREMENT = "ImpedanceMeasurement"
    IMPEDANCE_AT_FREQUENCY = "ImpedanceAtFrequency"
    SLIP_MODE_FREQUENCY_SHIFT = "SlipModeFrequencyShift"
    SANDIA_FREQUENCY_SHIFT = "SandiaFrequencyShift"
    SANDIA_VOLTAGE_SHIFT = "SandiaVoltageShift"
    FREQUENCY_JUMP = "FrequencyJump"
    RCLQ_FACTOR = "RCLQFactor"
    OTHER_ACTIVE = "OtherActive"


class ControlModeEnumType(StrEnum):
    SCHEDULED_CONTROL = "ScheduledControl"
    DYNAMIC_CONTROL = "DynamicControl"


class MobilityNeedsModeEnumType(StrEnum):
    EVCC = "EVCC"
    EVCC_SECC = "EVCC_SECC"


class NotifyEVChargingNeedsStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    PROCESSING = "Processing"
    NO_CHARGING_PROFILE = "NoChargingProfile"


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
    TARGET_DELTA = "TargetDelta"
    TARGET_DELTA_RELATIVE = "TargetDeltaRelative"


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


class PaymentStatusEnumType(StrEnum):
    SETTLED = "Settled"
    CANCELED = "Canceled"
    REJECTED = "Rejected"
    FAILED = "Failed"


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


class ChargingProfileStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ChargingProfileKindEnumType(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class RecurrencyKindEnumType(StrEnum):
    DAILY = "Daily"
    WEEKLY = "Weekly"


class PowerDuringCessationEnumType(StrEnum):
    ACTIVE = "Active"
    REACTIVE = "Reactive"


class DERUnitEnumType(StrEnum):
    NOT_APPLICABLE = "Not_Applicable"
    PCT_MAX_W = "PctMaxW"
    PCT_MAX_VAR = "PctMaxVar"
    PCT_W_AVAIL = "PctWAvail"
    PCT_VAR_AVAIL = "PctVarAvail"
    PCT_EFFECTIVE_V = "PctEffectiveV"


class RequestStartStopStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ReservationUpdateStatusEnumType(StrEnum):
    EXPIRED = "Expired"
    REMOVED = "Removed"
    NO_TRANSACTION = "NoTransaction"


class ReserveNowStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class ResetEnumType(StrEnum):
    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"
    IMMEDIATE_AND_RESUME = "ImmediateAndResume"


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


class TariffSetStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    TOO_MANY_ELEMENTS = "TooManyElements"
    CONDITION_NOT_SUPPORTED = "ConditionNotSupported"
    DUPLICATE_TARIFF_ID = "DuplicateTariffId"


class DisplayMessageStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    NOT_SUPPORTED_MESSAGE_FORMAT = "NotSupportedMessageFormat"
    REJECTED = "Rejected"
    NOT_SUPPORTED_PRIORITY = "NotSupportedPriority"
    NOT_SUPPORTED_STATE = "NotSupportedState"
    UNKNOWN_TRANSACTION = "UnknownTransaction"
    LANGUAGE_NOT_SUPPORTED = "LanguageNotSupported"


class MonitoringBaseEnumType(StrEnum):
    ALL = "All"
    FACTORY_DEFAULT = "FactoryDefault"
    HARD_WIRED_ONLY = "HardWiredOnly"


class APNAuthenticationEnumType(StrEnum):
    PAP = "PAP"
    CHAP = "CHAP"
    NONE = "NONE"
    AUTO = "AUTO"


class OCPPVersionEnumType(StrEnum):
    OCPP12 = "OCPP12"
    OCPP15 = "OCPP15"
    OCPP16 = "OCPP16"
    OCPP20 = "OCPP20"
    OCPP201 = "OCPP201"
    OCPP21 = "OCPP21"


class OCPPInterfaceEnumType(StrEnum):
    WIRED0 = "Wired0"
    WIRED1 = "Wired1"
    WIRED2 = "Wired2"
    WIRED3 = "Wired3"
    WIRELESS0 = "Wireless0"
    WIRELESS1 = "Wireless1"
    WIRELESS2 = "Wireless2"
    WIRELESS3 = "Wireless3"
    ANY = "Any"


class OCPPTransportEnumType(StrEnum):
    SOAP = "SOAP"
    JSON = "JSON"


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


class CostDimensionEnumType(StrEnum):
    ENERGY = "Energy"
    MAX_CURRENT = "MaxCurrent"
    MIN_CURRENT = "MinCurrent"
    MAX_POWER = "MaxPower"
    MIN_POWER = "MinPower"
    IDLE_T_IME = "IdleTIme"
    CHARGING_TIME = "ChargingTime"


class TariffCostEnumType(StrEnum):
    NORMAL_COST = "NormalCost"
    MIN_COST = "MinCost"
    MAX_COST = "MaxCost"


class TransactionEventEnumType(StrEnum):
    ENDED = "Ended"
    STARTED = "Started"
    UPDATED = "Updated"


class TriggerReasonEnumType(StrEnum):
    ABNORMAL_CONDITION = "AbnormalCondition"
    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    COST_LIMIT_REACHED = "CostLimitReached"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    LIMIT_SET = "LimitSet"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    OPERATION_MODE_CHANGED = "OperationModeChanged"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    RUNNING_COST = "RunningCost"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    SO_C_LIMIT_REACHED = "SoCLimitReached"
    STOP_AUTHORIZED = "StopAuthorized"
    TARIFF_CHANGED = "TariffChanged"
    TARIFF_NOT_ACCEPTED = "TariffNotAccepted"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    TX_RESUMED = "TxResumed"
    UNLOCK_COMMAND = "UnlockCommand"


class PreconditioningStatusEnumType(StrEnum):
    UNKNOWN = "Unknown"
    READY = "Ready"
    NOT_READY = "NotReady"
    PRECONDITIONING = "Preconditioning"


class ChargingStateEnumType(StrEnum):
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
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
    MASTER_PASS = "MasterPass"
    LOCAL = "Local"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
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
    REQ_ENERGY_TRANSFER_REJECTED = "ReqEnergyTransferRejected"


class MessageTriggerEnumType(StrEnum):
    BOOT_NOTIFICATION = "BootNotification"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    SIGN_CHARGING_STATION_CERTIFICATE = "SignChargingStationCertificate"
    SIGN_V2_G_CERTIFICATE = "SignV2GCertificate"
    SIGN_V2_G20_CERTIFICATE = "SignV2G20Certificate"
    STATUS_NOTIFICATION = "StatusNotification"
    TRANSACTION_EVENT = "TransactionEvent"
    SIGN_COMBINED_CERTIFICATE = "SignCombinedCertificate"
    PUBLISH_FIRMWARE_STATUS_NOTIFICATION = "PublishFirmwareStatusNotification"
    CUSTOM_TRIGGER = "CustomTrigger"


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


class PriorityChargingStatusEnumType(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NO_PROFILE = "NoProfile"


class Open(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    pass


class Closed(Struct, frozen=True, kw_only=True, gc=False, rename="camel", forbid_unknown_fields=True):
    pass


class CustomDataType(Open, frozen=True, kw_only=True):
    vendor_id: Text255


class AFRRSignalRequest(Closed, frozen=True, kw_only=True):
    timestamp: Time
    signal: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class StatusInfoType(Closed, frozen=True, kw_only=True):
    reason_code: Text20
    additional_info: Text1024 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class AFRRSignalResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PeriodicEventStreamParamsType(Closed, frozen=True, kw_only=True):
    interval: IntegerFrom0 | UnsetType = UNSET
    values: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class AdjustPeriodicEventStreamRequest(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    params: PeriodicEventStreamParamsType
    custom_data: CustomDataType | UnsetType = UNSET


class AdjustPeriodicEventStreamResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class AdditionalInfoType(Closed, frozen=True, kw_only=True):
    additional_id_token: Text255
    type: Text50
    custom_data: CustomDataType | UnsetType = UNSET


class IdTokenType(Closed, frozen=True, kw_only=True):
    additional_info: ManyFrom1[AdditionalInfoType] | UnsetType = UNSET
    id_token: Text255
    type: Text20
    custom_data: CustomDataType | UnsetType = UNSET


class OCSPRequestDataType(Closed, frozen=True, kw_only=True):
    hash_algorithm: HashAlgorithmEnumType
    issuer_name_hash: Text128
    issuer_key_hash: Text128
    serial_number: Text40
    responder_url: Text2000 = field(name="responderURL")
    custom_data: CustomDataType | UnsetType = UNSET


class AuthorizeRequest(Closed, frozen=True, kw_only=True):
    id_token: IdTokenType
    certificate: Text10000 | UnsetType = UNSET
    iso15118_certificate_hash_data: ManyFrom1To4[OCSPRequestDataType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class MessageContentType(Closed, frozen=True, kw_only=True):
    format: MessageFormatEnumType
    language: Text8 | UnsetType = UNSET
    content: Text1024
    custom_data: CustomDataType | UnsetType = UNSET


class IdTokenInfoType(Closed, frozen=True, kw_only=True):
    status: AuthorizationStatusEnumType
    cache_expiry_date_time: Time | UnsetType = UNSET
    charging_priority: Integer | UnsetType = UNSET
    group_id_token: IdTokenType | UnsetType = UNSET
    language1: Text8 | UnsetType = UNSET
    language2: Text8 | UnsetType = UNSET
    evse_id: ManyFrom1[IntegerFrom0] | UnsetType = UNSET
    personal_message: MessageContentType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffConditionsType(Closed, frozen=True, kw_only=True):
    start_time_of_day: str | UnsetType = UNSET
    end_time_of_day: str | UnsetType = UNSET
    day_of_week: ManyFrom1To7[DayOfWeekEnumType] | UnsetType = UNSET
    valid_from_date: str | UnsetType = UNSET
    valid_to_date: str | UnsetType = UNSET
    evse_kind: EvseKindEnumType | UnsetType = UNSET
    min_energy: float | UnsetType = UNSET
    max_energy: float | UnsetType = UNSET
    min_current: float | UnsetType = UNSET
    max_current: float | UnsetType = UNSET
    min_power: float | UnsetType = UNSET
    max_power: float | UnsetType = UNSET
    min_time: Integer | UnsetType = UNSET
    max_time: Integer | UnsetType = UNSET
    min_charging_time: Integer | UnsetType = UNSET
    max_charging_time: Integer | UnsetType = UNSET
    min_idle_time: Integer | UnsetType = UNSET
    max_idle_time: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffEnergyPriceType(Closed, frozen=True, kw_only=True):
    price_kwh: float
    conditions: TariffConditionsType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TaxRateType(Closed, frozen=True, kw_only=True):
    type: Text20
    tax: float
    stack: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffEnergyType(Closed, frozen=True, kw_only=True):
    prices: ManyFrom1[TariffEnergyPriceType]
    tax_rates: ManyFrom1To5[TaxRateType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffTimePriceType(Closed, frozen=True, kw_only=True):
    price_minute: float
    conditions: TariffConditionsType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffTimeType(Closed, frozen=True, kw_only=True):
    prices: ManyFrom1[TariffTimePriceType]
    tax_rates: ManyFrom1To5[TaxRateType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffConditionsFixedType(Closed, frozen=True, kw_only=True):
    start_time_of_day: str | UnsetType = UNSET
    end_time_of_day: str | UnsetType = UNSET
    day_of_week: ManyFrom1To7[DayOfWeekEnumType] | UnsetType = UNSET
    valid_from_date: str | UnsetType = UNSET
    valid_to_date: str | UnsetType = UNSET
    evse_kind: EvseKindEnumType | UnsetType = UNSET
    payment_brand: Text20 | UnsetType = UNSET
    payment_recognition: Text20 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffFixedPriceType(Closed, frozen=True, kw_only=True):
    conditions: TariffConditionsFixedType | UnsetType = UNSET
    price_fixed: float
    custom_data: CustomDataType | UnsetType = UNSET


class TariffFixedType(Closed, frozen=True, kw_only=True):
    prices: ManyFrom1[TariffFixedPriceType]
    tax_rates: ManyFrom1To5[TaxRateType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PriceType(Closed, frozen=True, kw_only=True):
    excl_tax: float | UnsetType = UNSET
    incl_tax: float | UnsetType = UNSET
    tax_rates: ManyFrom1To5[TaxRateType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TariffType(Closed, frozen=True, kw_only=True):
    tariff_id: Text60
    description: ManyFrom1To10[MessageContentType] | UnsetType = UNSET
    currency: Text3
    energy: TariffEnergyType | UnsetType = UNSET
    valid_from: Time | UnsetType = UNSET
    charging_time: TariffTimeType | UnsetType = UNSET
    idle_time: TariffTimeType | UnsetType = UNSET
    fixed_fee: TariffFixedType | UnsetType = UNSET
    reservation_time: TariffTimeType | UnsetType = UNSET
    reservation_fixed: TariffFixedType | UnsetType = UNSET
    min_cost: PriceType | UnsetType = UNSET
    max_cost: PriceType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class AuthorizeResponse(Closed, frozen=True, kw_only=True):
    id_token_info: IdTokenInfoType
    certificate_status: AuthorizeCertificateStatusEnumType | UnsetType = UNSET
    allowed_energy_transfer: ManyFrom1[EnergyTransferModeEnumType] | UnsetType = UNSET
    tariff: TariffType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class BatteryDataType(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    serial_number: Text50
    so_c: NumberFrom0To100
    so_h: NumberFrom0To100
    production_date: Time | UnsetType = UNSET
    vendor_info: Text500 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class BatterySwapRequest(Closed, frozen=True, kw_only=True):
    battery_data: ManyFrom1[BatteryDataType]
    event_type: BatterySwapEventEnumType
    id_token: IdTokenType
    request_id: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class BatterySwapResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ModemType(Closed, frozen=True, kw_only=True):
    iccid: Text20 | UnsetType = UNSET
    imsi: Text20 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingStationType(Closed, frozen=True, kw_only=True):
    serial_number: Text25 | UnsetType = UNSET
    model: Text20
    modem: ModemType | UnsetType = UNSET
    vendor_name: Text50
    firmware_version: Text50 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class BootNotificationRequest(Closed, frozen=True, kw_only=True):
    charging_station: ChargingStationType
    reason: BootReasonEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class BootNotificationResponse(Closed, frozen=True, kw_only=True):
    current_time: Time
    interval: Integer
    status: RegistrationStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CancelReservationRequest(Closed, frozen=True, kw_only=True):
    reservation_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class CancelReservationResponse(Closed, frozen=True, kw_only=True):
    status: CancelReservationStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateSignedRequest(Closed, frozen=True, kw_only=True):
    certificate_chain: Text10000
    certificate_type: CertificateSigningUseEnumType | UnsetType = UNSET
    request_id: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateSignedResponse(Closed, frozen=True, kw_only=True):
    status: CertificateSignedStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class EVSEType(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    connector_id: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChangeAvailabilityRequest(Closed, frozen=True, kw_only=True):
    evse: EVSEType | UnsetType = UNSET
    operational_status: OperationalStatusEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class ChangeAvailabilityResponse(Closed, frozen=True, kw_only=True):
    status: ChangeAvailabilityStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChangeTransactionTariffRequest(Closed, frozen=True, kw_only=True):
    tariff: TariffType
    transaction_id: Text36
    custom_data: CustomDataType | UnsetType = UNSET


class ChangeTransactionTariffResponse(Closed, frozen=True, kw_only=True):
    status: TariffChangeStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearCacheRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ClearCacheResponse(Closed, frozen=True, kw_only=True):
    status: ClearCacheStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearChargingProfileType(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0 | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurposeEnumType | UnsetType = UNSET
    stack_level: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearChargingProfileRequest(Closed, frozen=True, kw_only=True):
    charging_profile_id: Integer | UnsetType = UNSET
    charging_profile_criteria: ClearChargingProfileType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearChargingProfileResponse(Closed, frozen=True, kw_only=True):
    status: ClearChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearDERControlRequest(Closed, frozen=True, kw_only=True):
    is_default: bool
    control_type: DERControlEnumType | UnsetType = UNSET
    control_id: Text36 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearDERControlResponse(Closed, frozen=True, kw_only=True):
    status: DERControlStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearDisplayMessageRequest(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class ClearDisplayMessageResponse(Closed, frozen=True, kw_only=True):
    status: ClearMessageStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearTariffsRequest(Closed, frozen=True, kw_only=True):
    tariff_ids: ManyFrom1[Text60] | UnsetType = UNSET
    evse_id: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearTariffsResultType(Closed, frozen=True, kw_only=True):
    status_info: StatusInfoType | UnsetType = UNSET
    tariff_id: Text60 | UnsetType = UNSET
    status: TariffClearStatusEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class ClearTariffsResponse(Closed, frozen=True, kw_only=True):
    clear_tariffs_result: ManyFrom1[ClearTariffsResultType]
    custom_data: CustomDataType | UnsetType = UNSET


class ClearVariableMonitoringRequest(Closed, frozen=True, kw_only=True):
    id: ManyFrom1[IntegerFrom0]
    custom_data: CustomDataType | UnsetType = UNSET


class ClearMonitoringResultType(Closed, frozen=True, kw_only=True):
    status: ClearMonitoringStatusEnumType
    id: IntegerFrom0
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearVariableMonitoringResponse(Closed, frozen=True, kw_only=True):
    clear_monitoring_result: ManyFrom1[ClearMonitoringResultType]
    custom_data: CustomDataType | UnsetType = UNSET


class ClearedChargingLimitRequest(Closed, frozen=True, kw_only=True):
    charging_limit_source: Text20
    evse_id: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ClearedChargingLimitResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ClosePeriodicEventStreamRequest(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class ClosePeriodicEventStreamResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class CostUpdatedRequest(Closed, frozen=True, kw_only=True):
    total_cost: float
    transaction_id: Text36
    custom_data: CustomDataType | UnsetType = UNSET


class CostUpdatedResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateHashDataType(Closed, frozen=True, kw_only=True):
    hash_algorithm: HashAlgorithmEnumType
    issuer_name_hash: Text128
    issuer_key_hash: Text128
    serial_number: Text40
    custom_data: CustomDataType | UnsetType = UNSET


class CustomerInformationRequest(Closed, frozen=True, kw_only=True):
    customer_certificate: CertificateHashDataType | UnsetType = UNSET
    id_token: IdTokenType | UnsetType = UNSET
    request_id: IntegerFrom0
    report: bool
    clear: bool
    customer_identifier: Text64 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CustomerInformationResponse(Closed, frozen=True, kw_only=True):
    status: CustomerInformationStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class DataTransferRequest(Closed, frozen=True, kw_only=True):
    message_id: Text50 | UnsetType = UNSET
    data: Any = UNSET
    vendor_id: Text255
    custom_data: CustomDataType | UnsetType = UNSET


class DataTransferResponse(Closed, frozen=True, kw_only=True):
    status: DataTransferStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    data: Any = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class DeleteCertificateRequest(Closed, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashDataType
    custom_data: CustomDataType | UnsetType = UNSET


class DeleteCertificateResponse(Closed, frozen=True, kw_only=True):
    status: DeleteCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class FirmwareStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: FirmwareStatusEnumType
    request_id: Integer | UnsetType = UNSET
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class FirmwareStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class Get15118EVCertificateRequest(Closed, frozen=True, kw_only=True):
    iso15118_schema_version: Text50
    action: CertificateActionEnumType
    exi_request: Text11000
    maximum_contract_certificate_chains: IntegerFrom0 | UnsetType = UNSET
    prioritized_emai_ds: ManyFrom1To8[Text255] | UnsetType = field(default=UNSET, name="prioritizedEMAIDs")
    custom_data: CustomDataType | UnsetType = UNSET


class Get15118EVCertificateResponse(Closed, frozen=True, kw_only=True):
    status: Iso15118EVCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    exi_response: Text17000
    remaining_contracts: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetBaseReportRequest(Closed, frozen=True, kw_only=True):
    request_id: Integer
    report_base: ReportBaseEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class GetBaseReportResponse(Closed, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateStatusRequestInfoType(Closed, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashDataType
    source: CertificateStatusSourceEnumType
    urls: ManyFrom1To5[Text2000]
    custom_data: CustomDataType | UnsetType = UNSET


class GetCertificateChainStatusRequest(Closed, frozen=True, kw_only=True):
    certificate_status_requests: ManyFrom1To4[CertificateStatusRequestInfoType]
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateStatusType(Closed, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashDataType
    source: CertificateStatusSourceEnumType
    status: CertificateStatusEnumType
    next_update: Time
    custom_data: CustomDataType | UnsetType = UNSET


class GetCertificateChainStatusResponse(Closed, frozen=True, kw_only=True):
    certificate_status: ManyFrom1To4[CertificateStatusType]
    custom_data: CustomDataType | UnsetType = UNSET


class GetCertificateStatusRequest(Closed, frozen=True, kw_only=True):
    ocsp_request_data: OCSPRequestDataType
    custom_data: CustomDataType | UnsetType = UNSET


class GetCertificateStatusResponse(Closed, frozen=True, kw_only=True):
    status: GetCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    ocsp_result: Text18000 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingProfileCriterionType(Closed, frozen=True, kw_only=True):
    charging_profile_purpose: ChargingProfilePurposeEnumType | UnsetType = UNSET
    stack_level: IntegerFrom0 | UnsetType = UNSET
    charging_profile_id: ManyFrom1[Integer] | UnsetType = UNSET
    charging_limit_source: ManyFrom1To4[Text20] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetChargingProfilesRequest(Closed, frozen=True, kw_only=True):
    request_id: Integer
    evse_id: IntegerFrom0 | UnsetType = UNSET
    charging_profile: ChargingProfileCriterionType
    custom_data: CustomDataType | UnsetType = UNSET


class GetChargingProfilesResponse(Closed, frozen=True, kw_only=True):
    status: GetChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetCompositeScheduleRequest(Closed, frozen=True, kw_only=True):
    duration: Integer
    charging_rate_unit: ChargingRateUnitEnumType | UnsetType = UNSET
    evse_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class V2XFreqWattPointType(Closed, frozen=True, kw_only=True):
    frequency: float
    power: float
    custom_data: CustomDataType | UnsetType = UNSET


class V2XSignalWattPointType(Closed, frozen=True, kw_only=True):
    signal: Integer
    power: float
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingSchedulePeriodType(Closed, frozen=True, kw_only=True):
    start_period: Integer
    limit: float | UnsetType = UNSET
    limit_l2: float | UnsetType = field(default=UNSET, name="limit_L2")
    limit_l3: float | UnsetType = field(default=UNSET, name="limit_L3")
    number_phases: IntegerFrom0To3 | UnsetType = UNSET
    phase_to_use: IntegerFrom0To3 | UnsetType = UNSET
    discharge_limit: NumberTo0 | UnsetType = UNSET
    discharge_limit_l2: NumberTo0 | UnsetType = field(default=UNSET, name="dischargeLimit_L2")
    discharge_limit_l3: NumberTo0 | UnsetType = field(default=UNSET, name="dischargeLimit_L3")
    setpoint: float | UnsetType = UNSET
    setpoint_l2: float | UnsetType = field(default=UNSET, name="setpoint_L2")
    setpoint_l3: float | UnsetType = field(default=UNSET, name="setpoint_L3")
    setpoint_reactive: float | UnsetType = UNSET
    setpoint_reactive_l2: float | UnsetType = field(default=UNSET, name="setpointReactive_L2")
    setpoint_reactive_l3: float | UnsetType = field(default=UNSET, name="setpointReactive_L3")
    preconditioning_request: bool | UnsetType = UNSET
    evse_sleep: bool | UnsetType = UNSET
    v2x_baseline: float | UnsetType = UNSET
    operation_mode: OperationModeEnumType | UnsetType = UNSET
    v2x_freq_watt_curve: ManyFrom1To20[V2XFreqWattPointType] | UnsetType = UNSET
    v2x_signal_watt_curve: ManyFrom1To20[V2XSignalWattPointType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CompositeScheduleType(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    duration: Integer
    schedule_start: Time
    charging_rate_unit: ChargingRateUnitEnumType
    charging_schedule_period: ManyFrom1[ChargingSchedulePeriodType]
    custom_data: CustomDataType | UnsetType = UNSET


class GetCompositeScheduleResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    schedule: CompositeScheduleType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetDERControlRequest(Closed, frozen=True, kw_only=True):
    request_id: Integer
    is_default: bool | UnsetType = UNSET
    control_type: DERControlEnumType | UnsetType = UNSET
    control_id: Text36 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetDERControlResponse(Closed, frozen=True, kw_only=True):
    status: DERControlStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetDisplayMessagesRequest(Closed, frozen=True, kw_only=True):
    id: ManyFrom1[IntegerFrom0] | UnsetType = UNSET
    request_id: Integer
    priority: MessagePriorityEnumType | UnsetType = UNSET
    state: MessageStateEnumType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetDisplayMessagesResponse(Closed, frozen=True, kw_only=True):
    status: GetDisplayMessagesStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Closed, frozen=True, kw_only=True):
    certificate_type: ManyFrom1[GetCertificateIdUseEnumType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CertificateHashDataChainType(Closed, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashDataType
    certificate_type: GetCertificateIdUseEnumType
    child_certificate_hash_data: ManyFrom1To4[CertificateHashDataType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetInstalledCertificateIdsResponse(Closed, frozen=True, kw_only=True):
    status: GetInstalledCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    certificate_hash_data_chain: ManyFrom1[CertificateHashDataChainType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetLocalListVersionRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class GetLocalListVersionResponse(Closed, frozen=True, kw_only=True):
    version_number: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class LogParametersType(Closed, frozen=True, kw_only=True):
    remote_location: Text2000
    oldest_timestamp: Time | UnsetType = UNSET
    latest_timestamp: Time | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetLogRequest(Closed, frozen=True, kw_only=True):
    log: LogParametersType
    log_type: LogEnumType
    request_id: Integer
    retries: IntegerFrom0 | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetLogResponse(Closed, frozen=True, kw_only=True):
    status: LogStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    filename: Text255 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ComponentType(Closed, frozen=True, kw_only=True):
    evse: EVSEType | UnsetType = UNSET
    name: Text50
    instance: Text50 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class VariableType(Closed, frozen=True, kw_only=True):
    name: Text50
    instance: Text50 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ComponentVariableType(Closed, frozen=True, kw_only=True):
    component: ComponentType
    variable: VariableType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetMonitoringReportRequest(Closed, frozen=True, kw_only=True):
    component_variable: ManyFrom1[ComponentVariableType] | UnsetType = UNSET
    request_id: Integer
    monitoring_criteria: ManyFrom1To3[MonitoringCriterionEnumType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetMonitoringReportResponse(Closed, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetPeriodicEventStreamRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ConstantStreamDataType(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    params: PeriodicEventStreamParamsType
    variable_monitoring_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class GetPeriodicEventStreamResponse(Closed, frozen=True, kw_only=True):
    constant_stream_data: ManyFrom1[ConstantStreamDataType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetReportRequest(Closed, frozen=True, kw_only=True):
    component_variable: ManyFrom1[ComponentVariableType] | UnsetType = UNSET
    request_id: Integer
    component_criteria: ManyFrom1To4[ComponentCriterionEnumType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetReportResponse(Closed, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetTariffsRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class TariffAssignmentType(Closed, frozen=True, kw_only=True):
    tariff_id: Text60
    tariff_kind: TariffKindEnumType
    valid_from: Time | UnsetType = UNSET
    evse_ids: ManyFrom1[IntegerFrom0] | UnsetType = UNSET
    id_tokens: ManyFrom1[Text255] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetTariffsResponse(Closed, frozen=True, kw_only=True):
    status: TariffGetStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    tariff_assignments: ManyFrom1[TariffAssignmentType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetTransactionStatusRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Text36 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class GetTransactionStatusResponse(Closed, frozen=True, kw_only=True):
    ongoing_indicator: bool | UnsetType = UNSET
    messages_in_queue: bool
    custom_data: CustomDataType | UnsetType = UNSET


class GetVariableDataType(Closed, frozen=True, kw_only=True):
    attribute_type: AttributeEnumType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    custom_data: CustomDataType | UnsetType = UNSET


class GetVariablesRequest(Closed, frozen=True, kw_only=True):
    get_variable_data: ManyFrom1[GetVariableDataType]
    custom_data: CustomDataType | UnsetType = UNSET


class GetVariableResultType(Closed, frozen=True, kw_only=True):
    attribute_status: GetVariableStatusEnumType
    attribute_status_info: StatusInfoType | UnsetType = UNSET
    attribute_type: AttributeEnumType | UnsetType = UNSET
    attribute_value: Text2500 | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    custom_data: CustomDataType | UnsetType = UNSET


class GetVariablesResponse(Closed, frozen=True, kw_only=True):
    get_variable_result: ManyFrom1[GetVariableResultType]
    custom_data: CustomDataType | UnsetType = UNSET


class HeartbeatRequest(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class HeartbeatResponse(Closed, frozen=True, kw_only=True):
    current_time: Time
    custom_data: CustomDataType | UnsetType = UNSET


class InstallCertificateRequest(Closed, frozen=True, kw_only=True):
    certificate_type: InstallCertificateUseEnumType
    certificate: Text10000
    custom_data: CustomDataType | UnsetType = UNSET


class InstallCertificateResponse(Closed, frozen=True, kw_only=True):
    status: InstallCertificateStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class LogStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: UploadLogStatusEnumType
    request_id: Integer | UnsetType = UNSET
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class LogStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class SignedMeterValueType(Closed, frozen=True, kw_only=True):
    signed_meter_data: Text32768
    signing_method: Text50 | UnsetType = UNSET
    encoding_method: Text50
    public_key: Text2500 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class UnitOfMeasureType(Closed, frozen=True, kw_only=True):
    unit: Text20 | UnsetType = UNSET
    multiplier: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SampledValueType(Closed, frozen=True, kw_only=True):
    value: float
    measurand: MeasurandEnumType | UnsetType = UNSET
    context: ReadingContextEnumType | UnsetType = UNSET
    phase: PhaseEnumType | UnsetType = UNSET
    location: LocationEnumType | UnsetType = UNSET
    signed_meter_value: SignedMeterValueType | UnsetType = UNSET
    unit_of_measure: UnitOfMeasureType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class MeterValueType(Closed, frozen=True, kw_only=True):
    sampled_value: ManyFrom1[SampledValueType]
    timestamp: Time
    custom_data: CustomDataType | UnsetType = UNSET


class MeterValuesRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    meter_value: ManyFrom1[MeterValueType]
    custom_data: CustomDataType | UnsetType = UNSET


class MeterValuesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyAllowedEnergyTransferRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Text36
    allowed_energy_transfer: ManyFrom1[EnergyTransferModeEnumType]
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyAllowedEnergyTransferResponse(Closed, frozen=True, kw_only=True):
    status: NotifyAllowedEnergyTransferStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class LimitAtSoCType(Closed, frozen=True, kw_only=True):
    soc: IntegerFrom0To100
    limit: float
    custom_data: CustomDataType | UnsetType = UNSET


class RelativeTimeIntervalType(Closed, frozen=True, kw_only=True):
    start: Integer
    duration: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CostType(Closed, frozen=True, kw_only=True):
    cost_kind: CostKindEnumType
    amount: Integer
    amount_multiplier: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ConsumptionCostType(Closed, frozen=True, kw_only=True):
    start_value: float
    cost: ManyFrom1To3[CostType]
    custom_data: CustomDataType | UnsetType = UNSET


class SalesTariffEntryType(Closed, frozen=True, kw_only=True):
    relative_time_interval: RelativeTimeIntervalType
    e_price_level: IntegerFrom0 | UnsetType = UNSET
    consumption_cost: ManyFrom1To3[ConsumptionCostType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SalesTariffType(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    sales_tariff_description: Text32 | UnsetType = UNSET
    num_e_price_levels: IntegerFrom0 | UnsetType = UNSET
    sales_tariff_entry: ManyFrom1To1024[SalesTariffEntryType]
    custom_data: CustomDataType | UnsetType = UNSET


class RationalNumberType(Closed, frozen=True, kw_only=True):
    exponent: Integer
    value: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class PriceRuleType(Closed, frozen=True, kw_only=True):
    parking_fee_period: Integer | UnsetType = UNSET
    carbon_dioxide_emission: IntegerFrom0 | UnsetType = UNSET
    renewable_generation_percentage: IntegerFrom0To100 | UnsetType = UNSET
    energy_fee: RationalNumberType
    parking_fee: RationalNumberType | UnsetType = UNSET
    power_range_start: RationalNumberType
    custom_data: CustomDataType | UnsetType = UNSET


class PriceRuleStackType(Closed, frozen=True, kw_only=True):
    duration: Integer
    price_rule: ManyFrom1To8[PriceRuleType]
    custom_data: CustomDataType | UnsetType = UNSET


class TaxRuleType(Closed, frozen=True, kw_only=True):
    tax_rule_id: IntegerFrom0 = field(name="taxRuleID")
    tax_rule_name: Text100 | UnsetType = UNSET
    tax_included_in_price: bool | UnsetType = UNSET
    applies_to_energy_fee: bool
    applies_to_parking_fee: bool
    applies_to_overstay_fee: bool
    applies_to_minimum_maximum_cost: bool
    tax_rate: RationalNumberType
    custom_data: CustomDataType | UnsetType = UNSET


class OverstayRuleType(Closed, frozen=True, kw_only=True):
    overstay_fee: RationalNumberType
    overstay_rule_description: Text32 | UnsetType = UNSET
    start_time: Integer
    overstay_fee_period: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class OverstayRuleListType(Closed, frozen=True, kw_only=True):
    overstay_power_threshold: RationalNumberType | UnsetType = UNSET
    overstay_rule: ManyFrom1To5[OverstayRuleType]
    overstay_time_threshold: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class AdditionalSelectedServicesType(Closed, frozen=True, kw_only=True):
    service_fee: RationalNumberType
    service_name: Text80
    custom_data: CustomDataType | UnsetType = UNSET


class AbsolutePriceScheduleType(Closed, frozen=True, kw_only=True):
    time_anchor: Time
    price_schedule_id: IntegerFrom0 = field(name="priceScheduleID")
    price_schedule_description: Text160 | UnsetType = UNSET
    currency: Text3
    language: Text8
    price_algorithm: Text2000
    minimum_cost: RationalNumberType | UnsetType = UNSET
    maximum_cost: RationalNumberType | UnsetType = UNSET
    price_rule_stacks: ManyFrom1To1024[PriceRuleStackType]
    tax_rules: ManyFrom1To10[TaxRuleType] | UnsetType = UNSET
    overstay_rule_list: OverstayRuleListType | UnsetType = UNSET
    additional_selected_services: ManyFrom1To5[AdditionalSelectedServicesType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PriceLevelScheduleEntryType(Closed, frozen=True, kw_only=True):
    duration: Integer
    price_level: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class PriceLevelScheduleType(Closed, frozen=True, kw_only=True):
    price_level_schedule_entries: ManyFrom1To100[PriceLevelScheduleEntryType]
    time_anchor: Time
    price_schedule_id: IntegerFrom0
    price_schedule_description: Text32 | UnsetType = UNSET
    number_of_price_levels: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingScheduleType(Closed, frozen=True, kw_only=True):
    id: Integer
    limit_at_so_c: LimitAtSoCType | UnsetType = UNSET
    start_schedule: Time | UnsetType = UNSET
    duration: Integer | UnsetType = UNSET
    charging_rate_unit: ChargingRateUnitEnumType
    min_charging_rate: float | UnsetType = UNSET
    power_tolerance: float | UnsetType = UNSET
    signature_id: IntegerFrom0 | UnsetType = UNSET
    digest_value: Text88 | UnsetType = UNSET
    use_local_time: bool | UnsetType = UNSET
    charging_schedule_period: ManyFrom1To1024[ChargingSchedulePeriodType]
    randomized_delay: IntegerFrom0 | UnsetType = UNSET
    sales_tariff: SalesTariffType | UnsetType = UNSET
    absolute_price_schedule: AbsolutePriceScheduleType | UnsetType = UNSET
    price_level_schedule: PriceLevelScheduleType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingLimitType(Closed, frozen=True, kw_only=True):
    charging_limit_source: Text20
    is_local_generation: bool | UnsetType = UNSET
    is_grid_critical: bool | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyChargingLimitRequest(Closed, frozen=True, kw_only=True):
    charging_schedule: ManyFrom1[ChargingScheduleType] | UnsetType = UNSET
    evse_id: IntegerFrom0 | UnsetType = UNSET
    charging_limit: ChargingLimitType
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyChargingLimitResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyCustomerInformationRequest(Closed, frozen=True, kw_only=True):
    data: Text512
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    generated_at: Time
    request_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyCustomerInformationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyDERAlarmRequest(Closed, frozen=True, kw_only=True):
    control_type: DERControlEnumType
    grid_event_fault: GridEventFaultEnumType | UnsetType = UNSET
    alarm_ended: bool | UnsetType = UNSET
    timestamp: Time
    extra_info: Text200 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyDERAlarmResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyDERStartStopRequest(Closed, frozen=True, kw_only=True):
    control_id: Text36
    started: bool
    timestamp: Time
    superseded_ids: ManyFrom1To24[Text36] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyDERStartStopResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class MessageInfoType(Closed, frozen=True, kw_only=True):
    display: ComponentType | UnsetType = UNSET
    id: IntegerFrom0
    priority: MessagePriorityEnumType
    state: MessageStateEnumType | UnsetType = UNSET
    start_date_time: Time | UnsetType = UNSET
    end_date_time: Time | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET
    message: MessageContentType
    message_extra: ManyFrom1To4[MessageContentType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyDisplayMessagesRequest(Closed, frozen=True, kw_only=True):
    message_info: ManyFrom1[MessageInfoType] | UnsetType = UNSET
    request_id: Integer
    tbc: bool | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyDisplayMessagesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ACChargingParametersType(Closed, frozen=True, kw_only=True):
    energy_amount: float
    ev_min_current: float
    ev_max_current: float
    ev_max_voltage: float
    custom_data: CustomDataType | UnsetType = UNSET


class DERChargingParametersType(Closed, frozen=True, kw_only=True):
    ev_supported_der_control: ManyFrom1[DERControlEnumType] | UnsetType = field(
        default=UNSET, name="evSupportedDERControl"
    )
    ev_over_excited_max_discharge_power: float | UnsetType = UNSET
    ev_over_excited_power_factor: float | UnsetType = UNSET
    ev_under_excited_max_discharge_power: float | UnsetType = UNSET
    ev_under_excited_power_factor: float | UnsetType = UNSET
    max_apparent_power: float | UnsetType = UNSET
    max_charge_apparent_power: float | UnsetType = UNSET
    max_charge_apparent_power_l2: float | UnsetType = field(default=UNSET, name="maxChargeApparentPower_L2")
    max_charge_apparent_power_l3: float | UnsetType = field(default=UNSET, name="maxChargeApparentPower_L3")
    max_discharge_apparent_power: float | UnsetType = UNSET
    max_discharge_apparent_power_l2: float | UnsetType = field(default=UNSET, name="maxDischargeApparentPower_L2")
    max_discharge_apparent_power_l3: float | UnsetType = field(default=UNSET, name="maxDischargeApparentPower_L3")
    max_charge_reactive_power: float | UnsetType = UNSET
    max_charge_reactive_power_l2: float | UnsetType = field(default=UNSET, name="maxChargeReactivePower_L2")
    max_charge_reactive_power_l3: float | UnsetType = field(default=UNSET, name="maxChargeReactivePower_L3")
    min_charge_reactive_power: float | UnsetType = UNSET
    min_charge_reactive_power_l2: float | UnsetType = field(default=UNSET, name="minChargeReactivePower_L2")
    min_charge_reactive_power_l3: float | UnsetType = field(default=UNSET, name="minChargeReactivePower_L3")
    max_discharge_reactive_power: float | UnsetType = UNSET
    max_discharge_reactive_power_l2: float | UnsetType = field(default=UNSET, name="maxDischargeReactivePower_L2")
    max_discharge_reactive_power_l3: float | UnsetType = field(default=UNSET, name="maxDischargeReactivePower_L3")
    min_discharge_reactive_power: float | UnsetType = UNSET
    min_discharge_reactive_power_l2: float | UnsetType = field(default=UNSET, name="minDischargeReactivePower_L2")
    min_discharge_reactive_power_l3: float | UnsetType = field(default=UNSET, name="minDischargeReactivePower_L3")
    nominal_voltage: float | UnsetType = UNSET
    nominal_voltage_offset: float | UnsetType = UNSET
    max_nominal_voltage: float | UnsetType = UNSET
    min_nominal_voltage: float | UnsetType = UNSET
    ev_inverter_manufacturer: Text50 | UnsetType = UNSET
    ev_inverter_model: Text50 | UnsetType = UNSET
    ev_inverter_serial_number: Text50 | UnsetType = UNSET
    ev_inverter_sw_version: Text50 | UnsetType = UNSET
    ev_inverter_hw_version: Text50 | UnsetType = UNSET
    ev_islanding_detection_method: ManyFrom1[IslandingDetectionEnumType] | UnsetType = UNSET
    ev_islanding_trip_time: float | UnsetType = UNSET
    ev_maximum_level1_dc_injection: float | UnsetType = field(default=UNSET, name="evMaximumLevel1DCInjection")
    ev_duration_level1_dc_injection: float | UnsetType = field(default=UNSET, name="evDurationLevel1DCInjection")
    ev_maximum_level2_dc_injection: float | UnsetType = field(default=UNSET, name="evMaximumLevel2DCInjection")
    ev_duration_level2_dc_injection: float | UnsetType = field(default=UNSET, name="evDurationLevel2DCInjection")
    ev_reactive_susceptance: float | UnsetType = UNSET
    ev_session_total_discharge_energy_available: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class EVPriceRuleType(Closed, frozen=True, kw_only=True):
    energy_fee: float
    power_range_start: float
    custom_data: CustomDataType | UnsetType = UNSET


class EVAbsolutePriceScheduleEntryType(Closed, frozen=True, kw_only=True):
    duration: Integer
    ev_price_rule: ManyFrom1To8[EVPriceRuleType]
    custom_data: CustomDataType | UnsetType = UNSET


class EVAbsolutePriceScheduleType(Closed, frozen=True, kw_only=True):
    time_anchor: Time
    currency: Text3
    ev_absolute_price_schedule_entries: ManyFrom1To1024[EVAbsolutePriceScheduleEntryType]
    price_algorithm: Text2000
    custom_data: CustomDataType | UnsetType = UNSET


class EVPowerScheduleEntryType(Closed, frozen=True, kw_only=True):
    duration: Integer
    power: float
    custom_data: CustomDataType | UnsetType = UNSET


class EVPowerScheduleType(Closed, frozen=True, kw_only=True):
    ev_power_schedule_entries: ManyFrom1To1024[EVPowerScheduleEntryType]
    time_anchor: Time
    custom_data: CustomDataType | UnsetType = UNSET


class EVEnergyOfferType(Closed, frozen=True, kw_only=True):
    ev_absolute_price_schedule: EVAbsolutePriceScheduleType | UnsetType = UNSET
    ev_power_schedule: EVPowerScheduleType
    custom_data: CustomDataType | UnsetType = UNSET


class DCChargingParametersType(Closed, frozen=True, kw_only=True):
    ev_max_current: float
    ev_max_voltage: float
    ev_max_power: float | UnsetType = UNSET
    ev_energy_capacity: float | UnsetType = UNSET
    energy_amount: float | UnsetType = UNSET
    state_of_charge: IntegerFrom0To100 | UnsetType = UNSET
    full_so_c: IntegerFrom0To100 | UnsetType = UNSET
    bulk_so_c: IntegerFrom0To100 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class V2XChargingParametersType(Closed, frozen=True, kw_only=True):
    min_charge_power: float | UnsetType = UNSET
    min_charge_power_l2: float | UnsetType = field(default=UNSET, name="minChargePower_L2")
    min_charge_power_l3: float | UnsetType = field(default=UNSET, name="minChargePower_L3")
    max_charge_power: float | UnsetType = UNSET
    max_charge_power_l2: float | UnsetType = field(default=UNSET, name="maxChargePower_L2")
    max_charge_power_l3: float | UnsetType = field(default=UNSET, name="maxChargePower_L3")
    min_discharge_power: float | UnsetType = UNSET
    min_discharge_power_l2: float | UnsetType = field(default=UNSET, name="minDischargePower_L2")
    min_discharge_power_l3: float | UnsetType = field(default=UNSET, name="minDischargePower_L3")
    max_discharge_power: float | UnsetType = UNSET
    max_discharge_power_l2: float | UnsetType = field(default=UNSET, name="maxDischargePower_L2")
    max_discharge_power_l3: float | UnsetType = field(default=UNSET, name="maxDischargePower_L3")
    min_charge_current: float | UnsetType = UNSET
    max_charge_current: float | UnsetType = UNSET
    min_discharge_current: float | UnsetType = UNSET
    max_discharge_current: float | UnsetType = UNSET
    min_voltage: float | UnsetType = UNSET
    max_voltage: float | UnsetType = UNSET
    ev_target_energy_request: float | UnsetType = UNSET
    ev_min_energy_request: float | UnsetType = UNSET
    ev_max_energy_request: float | UnsetType = UNSET
    ev_min_v2_x_energy_request: float | UnsetType = UNSET
    ev_max_v2_x_energy_request: float | UnsetType = UNSET
    target_so_c: IntegerFrom0To100 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingNeedsType(Closed, frozen=True, kw_only=True):
    ac_charging_parameters: ACChargingParametersType | UnsetType = UNSET
    der_charging_parameters: DERChargingParametersType | UnsetType = UNSET
    ev_energy_offer: EVEnergyOfferType | UnsetType = UNSET
    requested_energy_transfer: EnergyTransferModeEnumType
    dc_charging_parameters: DCChargingParametersType | UnsetType = UNSET
    v2x_charging_parameters: V2XChargingParametersType | UnsetType = UNSET
    available_energy_transfer: ManyFrom1[EnergyTransferModeEnumType] | UnsetType = UNSET
    control_mode: ControlModeEnumType | UnsetType = UNSET
    mobility_needs_mode: MobilityNeedsModeEnumType | UnsetType = UNSET
    departure_time: Time | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyEVChargingNeedsRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom1
    max_schedule_tuples: IntegerFrom0 | UnsetType = UNSET
    charging_needs: ChargingNeedsType
    timestamp: Time | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyEVChargingNeedsResponse(Closed, frozen=True, kw_only=True):
    status: NotifyEVChargingNeedsStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyEVChargingScheduleRequest(Closed, frozen=True, kw_only=True):
    time_base: Time
    charging_schedule: ChargingScheduleType
    evse_id: IntegerFrom1
    selected_charging_schedule_id: IntegerFrom0 | UnsetType = UNSET
    power_tolerance_acceptance: bool | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyEVChargingScheduleResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class EventDataType(Closed, frozen=True, kw_only=True):
    event_id: IntegerFrom0
    timestamp: Time
    trigger: EventTriggerEnumType
    cause: IntegerFrom0 | UnsetType = UNSET
    actual_value: Text2500
    tech_code: Text50 | UnsetType = UNSET
    tech_info: Text500 | UnsetType = UNSET
    cleared: bool | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET
    component: ComponentType
    variable_monitoring_id: IntegerFrom0 | UnsetType = UNSET
    event_notification_type: EventNotificationEnumType
    variable: VariableType
    severity: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyEventRequest(Closed, frozen=True, kw_only=True):
    generated_at: Time
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    event_data: ManyFrom1[EventDataType]
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyEventResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class VariableMonitoringType(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    transaction: bool
    value: float
    type: MonitorEnumType
    severity: IntegerFrom0
    event_notification_type: EventNotificationEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class MonitoringDataType(Closed, frozen=True, kw_only=True):
    component: ComponentType
    variable: VariableType
    variable_monitoring: ManyFrom1[VariableMonitoringType]
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyMonitoringReportRequest(Closed, frozen=True, kw_only=True):
    monitor: ManyFrom1[MonitoringDataType] | UnsetType = UNSET
    request_id: Integer
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    generated_at: Time
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyMonitoringReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class StreamDataElementType(Closed, frozen=True, kw_only=True):
    t: float
    v: Text2500
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyPeriodicEventStreamRequest(Closed, frozen=True, kw_only=True):
    data: ManyFrom1[StreamDataElementType]
    id: IntegerFrom0
    pending: IntegerFrom0
    basetime: Time
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyPriorityChargingRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Text36
    activated: bool
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyPriorityChargingResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class VariableAttributeType(Closed, frozen=True, kw_only=True):
    type: AttributeEnumType | UnsetType = UNSET
    value: Text2500 | UnsetType = UNSET
    mutability: MutabilityEnumType | UnsetType = UNSET
    persistent: bool | UnsetType = UNSET
    constant: bool | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class VariableCharacteristicsType(Closed, frozen=True, kw_only=True):
    unit: Text16 | UnsetType = UNSET
    data_type: DataEnumType
    min_limit: float | UnsetType = UNSET
    max_limit: float | UnsetType = UNSET
    max_elements: IntegerFrom1 | UnsetType = UNSET
    values_list: Text1000 | UnsetType = UNSET
    supports_monitoring: bool
    custom_data: CustomDataType | UnsetType = UNSET


class ReportDataType(Closed, frozen=True, kw_only=True):
    component: ComponentType
    variable: VariableType
    variable_attribute: ManyFrom1To4[VariableAttributeType]
    variable_characteristics: VariableCharacteristicsType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyReportRequest(Closed, frozen=True, kw_only=True):
    request_id: Integer
    generated_at: Time
    report_data: ManyFrom1[ReportDataType] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET
    seq_no: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyReportResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class AddressType(Closed, frozen=True, kw_only=True):
    name: Text50
    address1: Text100
    address2: Text100 | UnsetType = UNSET
    city: Text100
    postal_code: Text20 | UnsetType = UNSET
    country: Text50
    custom_data: CustomDataType | UnsetType = UNSET


class NotifySettlementRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Text36 | UnsetType = UNSET
    psp_ref: Text255
    status: PaymentStatusEnumType
    status_info: Text500 | UnsetType = UNSET
    settlement_amount: float
    settlement_time: Time
    receipt_id: Text50 | UnsetType = UNSET
    receipt_url: Text2000 | UnsetType = UNSET
    vat_company: AddressType | UnsetType = UNSET
    vat_number: Text20 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifySettlementResponse(Closed, frozen=True, kw_only=True):
    receipt_url: Text2000 | UnsetType = UNSET
    receipt_id: Text50 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyWebPaymentStartedRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    timeout: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class NotifyWebPaymentStartedResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class OpenPeriodicEventStreamRequest(Closed, frozen=True, kw_only=True):
    constant_stream_data: ConstantStreamDataType
    custom_data: CustomDataType | UnsetType = UNSET


class OpenPeriodicEventStreamResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PublishFirmwareRequest(Closed, frozen=True, kw_only=True):
    location: Text2000
    retries: IntegerFrom0 | UnsetType = UNSET
    checksum: Text32
    request_id: IntegerFrom0
    retry_interval: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PublishFirmwareResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PublishFirmwareStatusNotificationRequest(Closed, frozen=True, kw_only=True):
    status: PublishFirmwareStatusEnumType
    location: ManyFrom1[Text2000] | UnsetType = UNSET
    request_id: IntegerFrom0 | UnsetType = UNSET
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class PublishFirmwareStatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class PullDynamicScheduleUpdateRequest(Closed, frozen=True, kw_only=True):
    charging_profile_id: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingScheduleUpdateType(Closed, frozen=True, kw_only=True):
    limit: float | UnsetType = UNSET
    limit_l2: float | UnsetType = field(default=UNSET, name="limit_L2")
    limit_l3: float | UnsetType = field(default=UNSET, name="limit_L3")
    discharge_limit: NumberTo0 | UnsetType = UNSET
    discharge_limit_l2: NumberTo0 | UnsetType = field(default=UNSET, name="dischargeLimit_L2")
    discharge_limit_l3: NumberTo0 | UnsetType = field(default=UNSET, name="dischargeLimit_L3")
    setpoint: float | UnsetType = UNSET
    setpoint_l2: float | UnsetType = field(default=UNSET, name="setpoint_L2")
    setpoint_l3: float | UnsetType = field(default=UNSET, name="setpoint_L3")
    setpoint_reactive: float | UnsetType = UNSET
    setpoint_reactive_l2: float | UnsetType = field(default=UNSET, name="setpointReactive_L2")
    setpoint_reactive_l3: float | UnsetType = field(default=UNSET, name="setpointReactive_L3")
    custom_data: CustomDataType | UnsetType = UNSET


class PullDynamicScheduleUpdateResponse(Closed, frozen=True, kw_only=True):
    schedule_update: ChargingScheduleUpdateType | UnsetType = UNSET
    status: ChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingProfileType(Closed, frozen=True, kw_only=True):
    id: Integer
    stack_level: IntegerFrom0
    charging_profile_purpose: ChargingProfilePurposeEnumType
    charging_profile_kind: ChargingProfileKindEnumType
    recurrency_kind: RecurrencyKindEnumType | UnsetType = UNSET
    valid_from: Time | UnsetType = UNSET
    valid_to: Time | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET
    max_offline_duration: Integer | UnsetType = UNSET
    charging_schedule: ManyFrom1To3[ChargingScheduleType]
    invalid_after_offline_duration: bool | UnsetType = UNSET
    dyn_update_interval: Integer | UnsetType = UNSET
    dyn_update_time: Time | UnsetType = UNSET
    price_schedule_signature: Text256 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ReportChargingProfilesRequest(Closed, frozen=True, kw_only=True):
    request_id: Integer
    charging_limit_source: Text20
    charging_profile: ManyFrom1[ChargingProfileType]
    tbc: bool | UnsetType = UNSET
    evse_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class ReportChargingProfilesResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class DERCurvePointsType(Closed, frozen=True, kw_only=True):
    x: float
    y: float
    custom_data: CustomDataType | UnsetType = UNSET


class HysteresisType(Closed, frozen=True, kw_only=True):
    hysteresis_high: float | UnsetType = UNSET
    hysteresis_low: float | UnsetType = UNSET
    hysteresis_delay: float | UnsetType = UNSET
    hysteresis_gradient: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ReactivePowerParamsType(Closed, frozen=True, kw_only=True):
    v_ref: float | UnsetType = UNSET
    autonomous_v_ref_enable: bool | UnsetType = UNSET
    autonomous_v_ref_time_constant: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class VoltageParamsType(Closed, frozen=True, kw_only=True):
    hv10_min_mean_value: float | UnsetType = UNSET
    hv10_min_mean_trip_delay: float | UnsetType = UNSET
    power_during_cessation: PowerDuringCessationEnumType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class DERCurveType(Closed, frozen=True, kw_only=True):
    curve_data: ManyFrom1To10[DERCurvePointsType]
    hysteresis: HysteresisType | UnsetType = UNSET
    priority: IntegerFrom0
    reactive_power_params: ReactivePowerParamsType | UnsetType = UNSET
    voltage_params: VoltageParamsType | UnsetType = UNSET
    y_unit: DERUnitEnumType
    response_time: float | UnsetType = UNSET
    start_time: Time | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class DERCurveGetType(Closed, frozen=True, kw_only=True):
    curve: DERCurveType
    id: Text36
    curve_type: DERControlEnumType
    is_default: bool
    is_superseded: bool
    custom_data: CustomDataType | UnsetType = UNSET


class EnterServiceType(Closed, frozen=True, kw_only=True):
    priority: IntegerFrom0
    high_voltage: float
    low_voltage: float
    high_freq: float
    low_freq: float
    delay: float | UnsetType = UNSET
    random_delay: float | UnsetType = UNSET
    ramp_rate: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class EnterServiceGetType(Closed, frozen=True, kw_only=True):
    enter_service: EnterServiceType
    id: Text36
    custom_data: CustomDataType | UnsetType = UNSET


class FixedPFType(Closed, frozen=True, kw_only=True):
    priority: IntegerFrom0
    displacement: float
    excitation: bool
    start_time: Time | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class FixedPFGetType(Closed, frozen=True, kw_only=True):
    fixed_pf: FixedPFType = field(name="fixedPF")
    id: Text36
    is_default: bool
    is_superseded: bool
    custom_data: CustomDataType | UnsetType = UNSET


class FixedVarType(Closed, frozen=True, kw_only=True):
    priority: IntegerFrom0
    setpoint: float
    unit: DERUnitEnumType
    start_time: Time | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class FixedVarGetType(Closed, frozen=True, kw_only=True):
    fixed_var: FixedVarType
    id: Text36
    is_default: bool
    is_superseded: bool
    custom_data: CustomDataType | UnsetType = UNSET


class FreqDroopType(Closed, frozen=True, kw_only=True):
    priority: IntegerFrom0
    over_freq: float
    under_freq: float
    over_droop: float
    under_droop: float
    response_time: float
    start_time: Time | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class FreqDroopGetType(Closed, frozen=True, kw_only=True):
    freq_droop: FreqDroopType
    id: Text36
    is_default: bool
    is_superseded: bool
    custom_data: CustomDataType | UnsetType = UNSET


class GradientType(Closed, frozen=True, kw_only=True):
    priority: IntegerFrom0
    gradient: float
    soft_gradient: float
    custom_data: CustomDataType | UnsetType = UNSET


class GradientGetType(Closed, frozen=True, kw_only=True):
    gradient: GradientType
    id: Text36
    custom_data: CustomDataType | UnsetType = UNSET


class LimitMaxDischargeType(Closed, frozen=True, kw_only=True):
    priority: IntegerFrom0
    pct_max_discharge_power: float | UnsetType = UNSET
    power_monitoring_must_trip: DERCurveType | UnsetType = UNSET
    start_time: Time | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class LimitMaxDischargeGetType(Closed, frozen=True, kw_only=True):
    id: Text36
    is_default: bool
    is_superseded: bool
    limit_max_discharge: LimitMaxDischargeType
    custom_data: CustomDataType | UnsetType = UNSET


class ReportDERControlRequest(Closed, frozen=True, kw_only=True):
    curve: ManyFrom1To24[DERCurveGetType] | UnsetType = UNSET
    enter_service: ManyFrom1To24[EnterServiceGetType] | UnsetType = UNSET
    fixed_pf_absorb: ManyFrom1To24[FixedPFGetType] | UnsetType = field(default=UNSET, name="fixedPFAbsorb")
    fixed_pf_inject: ManyFrom1To24[FixedPFGetType] | UnsetType = field(default=UNSET, name="fixedPFInject")
    fixed_var: ManyFrom1To24[FixedVarGetType] | UnsetType = UNSET
    freq_droop: ManyFrom1To24[FreqDroopGetType] | UnsetType = UNSET
    gradient: ManyFrom1To24[GradientGetType] | UnsetType = UNSET
    limit_max_discharge: ManyFrom1To24[LimitMaxDischargeGetType] | UnsetType = UNSET
    request_id: Integer
    tbc: bool | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ReportDERControlResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class RequestBatterySwapRequest(Closed, frozen=True, kw_only=True):
    id_token: IdTokenType
    request_id: Integer
    custom_data: CustomDataType | UnsetType = UNSET


class RequestBatterySwapResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class RequestStartTransactionRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom1 | UnsetType = UNSET
    group_id_token: IdTokenType | UnsetType = UNSET
    id_token: IdTokenType
    remote_start_id: Integer
    charging_profile: ChargingProfileType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class RequestStartTransactionResponse(Closed, frozen=True, kw_only=True):
    status: RequestStartStopStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    transaction_id: Text36 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class RequestStopTransactionRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Text36
    custom_data: CustomDataType | UnsetType = UNSET


class RequestStopTransactionResponse(Closed, frozen=True, kw_only=True):
    status: RequestStartStopStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ReservationStatusUpdateRequest(Closed, frozen=True, kw_only=True):
    reservation_id: IntegerFrom0
    reservation_update_status: ReservationUpdateStatusEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class ReservationStatusUpdateResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class ReserveNowRequest(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0
    expiry_date_time: Time
    connector_type: Text20 | UnsetType = UNSET
    id_token: IdTokenType
    evse_id: IntegerFrom0 | UnsetType = UNSET
    group_id_token: IdTokenType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ReserveNowResponse(Closed, frozen=True, kw_only=True):
    status: ReserveNowStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ResetRequest(Closed, frozen=True, kw_only=True):
    type: ResetEnumType
    evse_id: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class ResetResponse(Closed, frozen=True, kw_only=True):
    status: ResetStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SecurityEventNotificationRequest(Closed, frozen=True, kw_only=True):
    type: Text50
    timestamp: Time
    tech_info: Text255 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SecurityEventNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class AuthorizationData(Closed, frozen=True, kw_only=True):
    id_token: IdTokenType
    id_token_info: IdTokenInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SendLocalListRequest(Closed, frozen=True, kw_only=True):
    local_authorization_list: ManyFrom1[AuthorizationData] | UnsetType = UNSET
    version_number: Integer
    update_type: UpdateEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class SendLocalListResponse(Closed, frozen=True, kw_only=True):
    status: SendLocalListStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetChargingProfileRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    charging_profile: ChargingProfileType
    custom_data: CustomDataType | UnsetType = UNSET


class SetChargingProfileResponse(Closed, frozen=True, kw_only=True):
    status: ChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetDERControlRequest(Closed, frozen=True, kw_only=True):
    is_default: bool
    control_id: Text36
    control_type: DERControlEnumType
    curve: DERCurveType | UnsetType = UNSET
    enter_service: EnterServiceType | UnsetType = UNSET
    fixed_pf_absorb: FixedPFType | UnsetType = field(default=UNSET, name="fixedPFAbsorb")
    fixed_pf_inject: FixedPFType | UnsetType = field(default=UNSET, name="fixedPFInject")
    fixed_var: FixedVarType | UnsetType = UNSET
    freq_droop: FreqDroopType | UnsetType = UNSET
    gradient: GradientType | UnsetType = UNSET
    limit_max_discharge: LimitMaxDischargeType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetDERControlResponse(Closed, frozen=True, kw_only=True):
    status: DERControlStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    superseded_ids: ManyFrom1To24[Text36] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetDefaultTariffRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    tariff: TariffType
    custom_data: CustomDataType | UnsetType = UNSET


class SetDefaultTariffResponse(Closed, frozen=True, kw_only=True):
    status: TariffSetStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetDisplayMessageRequest(Closed, frozen=True, kw_only=True):
    message: MessageInfoType
    custom_data: CustomDataType | UnsetType = UNSET


class SetDisplayMessageResponse(Closed, frozen=True, kw_only=True):
    status: DisplayMessageStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetMonitoringBaseRequest(Closed, frozen=True, kw_only=True):
    monitoring_base: MonitoringBaseEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class SetMonitoringBaseResponse(Closed, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetMonitoringLevelRequest(Closed, frozen=True, kw_only=True):
    severity: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class SetMonitoringLevelResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class APNType(Closed, frozen=True, kw_only=True):
    apn: Text2000
    apn_user_name: Text50 | UnsetType = UNSET
    apn_password: Text64 | UnsetType = UNSET
    sim_pin: Integer | UnsetType = UNSET
    preferred_network: Text6 | UnsetType = UNSET
    use_only_preferred_network: bool | UnsetType = UNSET
    apn_authentication: APNAuthenticationEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class VPNType(Closed, frozen=True, kw_only=True):
    server: Text2000
    user: Text50
    group: Text50 | UnsetType = UNSET
    password: Text64
    key: Text255
    type: VPNEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class NetworkConnectionProfileType(Closed, frozen=True, kw_only=True):
    apn: APNType | UnsetType = UNSET
    ocpp_version: OCPPVersionEnumType | UnsetType = UNSET
    ocpp_interface: OCPPInterfaceEnumType
    ocpp_transport: OCPPTransportEnumType
    message_timeout: Integer
    ocpp_csms_url: Text2000
    security_profile: IntegerFrom0
    identity: Text48 | UnsetType = UNSET
    basic_auth_password: Text64 | UnsetType = UNSET
    vpn: VPNType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetNetworkProfileRequest(Closed, frozen=True, kw_only=True):
    configuration_slot: Integer
    connection_data: NetworkConnectionProfileType
    custom_data: CustomDataType | UnsetType = UNSET


class SetNetworkProfileResponse(Closed, frozen=True, kw_only=True):
    status: SetNetworkProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SetMonitoringDataType(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0 | UnsetType = UNSET
    periodic_event_stream: PeriodicEventStreamParamsType | UnsetType = UNSET
    transaction: bool | UnsetType = UNSET
    value: float
    type: MonitorEnumType
    severity: IntegerFrom0
    component: ComponentType
    variable: VariableType
    custom_data: CustomDataType | UnsetType = UNSET


class SetVariableMonitoringRequest(Closed, frozen=True, kw_only=True):
    set_monitoring_data: ManyFrom1[SetMonitoringDataType]
    custom_data: CustomDataType | UnsetType = UNSET


class SetMonitoringResultType(Closed, frozen=True, kw_only=True):
    id: IntegerFrom0 | UnsetType = UNSET
    status_info: StatusInfoType | UnsetType = UNSET
    status: SetMonitoringStatusEnumType
    type: MonitorEnumType
    component: ComponentType
    variable: VariableType
    severity: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class SetVariableMonitoringResponse(Closed, frozen=True, kw_only=True):
    set_monitoring_result: ManyFrom1[SetMonitoringResultType]
    custom_data: CustomDataType | UnsetType = UNSET


class SetVariableDataType(Closed, frozen=True, kw_only=True):
    attribute_type: AttributeEnumType | UnsetType = UNSET
    attribute_value: Text2500
    component: ComponentType
    variable: VariableType
    custom_data: CustomDataType | UnsetType = UNSET


class SetVariablesRequest(Closed, frozen=True, kw_only=True):
    set_variable_data: ManyFrom1[SetVariableDataType]
    custom_data: CustomDataType | UnsetType = UNSET


class SetVariableResultType(Closed, frozen=True, kw_only=True):
    attribute_type: AttributeEnumType | UnsetType = UNSET
    attribute_status: SetVariableStatusEnumType
    attribute_status_info: StatusInfoType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    custom_data: CustomDataType | UnsetType = UNSET


class SetVariablesResponse(Closed, frozen=True, kw_only=True):
    set_variable_result: ManyFrom1[SetVariableResultType]
    custom_data: CustomDataType | UnsetType = UNSET


class SignCertificateRequest(Closed, frozen=True, kw_only=True):
    csr: Text5500
    certificate_type: CertificateSigningUseEnumType | UnsetType = UNSET
    hash_root_certificate: CertificateHashDataType | UnsetType = UNSET
    request_id: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class SignCertificateResponse(Closed, frozen=True, kw_only=True):
    status: GenericStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class StatusNotificationRequest(Closed, frozen=True, kw_only=True):
    timestamp: Time
    connector_status: ConnectorStatusEnumType
    evse_id: IntegerFrom0
    connector_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class StatusNotificationResponse(Closed, frozen=True, kw_only=True):
    custom_data: CustomDataType | UnsetType = UNSET


class CostDimensionType(Closed, frozen=True, kw_only=True):
    type: CostDimensionEnumType
    volume: float
    custom_data: CustomDataType | UnsetType = UNSET


class ChargingPeriodType(Closed, frozen=True, kw_only=True):
    dimensions: ManyFrom1[CostDimensionType] | UnsetType = UNSET
    tariff_id: Text60 | UnsetType = UNSET
    start_period: Time
    custom_data: CustomDataType | UnsetType = UNSET


class TotalPriceType(Closed, frozen=True, kw_only=True):
    excl_tax: float | UnsetType = UNSET
    incl_tax: float | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TotalCostType(Closed, frozen=True, kw_only=True):
    currency: Text3
    type_of_cost: TariffCostEnumType
    fixed: PriceType | UnsetType = UNSET
    energy: PriceType | UnsetType = UNSET
    charging_time: PriceType | UnsetType = UNSET
    idle_time: PriceType | UnsetType = UNSET
    reservation_time: PriceType | UnsetType = UNSET
    reservation_fixed: PriceType | UnsetType = UNSET
    total: TotalPriceType
    custom_data: CustomDataType | UnsetType = UNSET


class TotalUsageType(Closed, frozen=True, kw_only=True):
    energy: float
    charging_time: Integer
    idle_time: Integer
    reservation_time: Integer | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class CostDetailsType(Closed, frozen=True, kw_only=True):
    charging_periods: ManyFrom1[ChargingPeriodType] | UnsetType = UNSET
    total_cost: TotalCostType
    total_usage: TotalUsageType
    failure_to_calculate: bool | UnsetType = UNSET
    failure_reason: Text500 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TransactionLimitType(Closed, frozen=True, kw_only=True):
    max_cost: float | UnsetType = UNSET
    max_energy: float | UnsetType = UNSET
    max_time: Integer | UnsetType = UNSET
    max_so_c: IntegerFrom0To100 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TransactionType(Closed, frozen=True, kw_only=True):
    transaction_id: Text36
    charging_state: ChargingStateEnumType | UnsetType = UNSET
    time_spent_charging: Integer | UnsetType = UNSET
    stopped_reason: ReasonEnumType | UnsetType = UNSET
    remote_start_id: Integer | UnsetType = UNSET
    operation_mode: OperationModeEnumType | UnsetType = UNSET
    tariff_id: Text60 | UnsetType = UNSET
    transaction_limit: TransactionLimitType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TransactionEventRequest(Closed, frozen=True, kw_only=True):
    cost_details: CostDetailsType | UnsetType = UNSET
    event_type: TransactionEventEnumType
    meter_value: ManyFrom1[MeterValueType] | UnsetType = UNSET
    timestamp: Time
    trigger_reason: TriggerReasonEnumType
    seq_no: IntegerFrom0
    offline: bool | UnsetType = UNSET
    number_of_phases_used: IntegerFrom0To3 | UnsetType = UNSET
    cable_max_current: Integer | UnsetType = UNSET
    reservation_id: IntegerFrom0 | UnsetType = UNSET
    preconditioning_status: PreconditioningStatusEnumType | UnsetType = UNSET
    evse_sleep: bool | UnsetType = UNSET
    transaction_info: TransactionType
    evse: EVSEType | UnsetType = UNSET
    id_token: IdTokenType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TransactionEventResponse(Closed, frozen=True, kw_only=True):
    total_cost: float | UnsetType = UNSET
    charging_priority: Integer | UnsetType = UNSET
    id_token_info: IdTokenInfoType | UnsetType = UNSET
    transaction_limit: TransactionLimitType | UnsetType = UNSET
    updated_personal_message: MessageContentType | UnsetType = UNSET
    updated_personal_message_extra: ManyFrom1To4[MessageContentType] | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TriggerMessageRequest(Closed, frozen=True, kw_only=True):
    evse: EVSEType | UnsetType = UNSET
    requested_message: MessageTriggerEnumType
    custom_trigger: Text50 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class TriggerMessageResponse(Closed, frozen=True, kw_only=True):
    status: TriggerMessageStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class UnlockConnectorRequest(Closed, frozen=True, kw_only=True):
    evse_id: IntegerFrom0
    connector_id: IntegerFrom0
    custom_data: CustomDataType | UnsetType = UNSET


class UnlockConnectorResponse(Closed, frozen=True, kw_only=True):
    status: UnlockStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class UnpublishFirmwareRequest(Closed, frozen=True, kw_only=True):
    checksum: Text32
    custom_data: CustomDataType | UnsetType = UNSET


class UnpublishFirmwareResponse(Closed, frozen=True, kw_only=True):
    status: UnpublishFirmwareStatusEnumType
    custom_data: CustomDataType | UnsetType = UNSET


class UpdateDynamicScheduleRequest(Closed, frozen=True, kw_only=True):
    charging_profile_id: Integer
    schedule_update: ChargingScheduleUpdateType
    custom_data: CustomDataType | UnsetType = UNSET


class UpdateDynamicScheduleResponse(Closed, frozen=True, kw_only=True):
    status: ChargingProfileStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class FirmwareType(Closed, frozen=True, kw_only=True):
    location: Text2000
    retrieve_date_time: Time
    install_date_time: Time | UnsetType = UNSET
    signing_certificate: Text5500 | UnsetType = UNSET
    signature: Text800 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class UpdateFirmwareRequest(Closed, frozen=True, kw_only=True):
    retries: IntegerFrom0 | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET
    request_id: Integer
    firmware: FirmwareType
    custom_data: CustomDataType | UnsetType = UNSET


class UpdateFirmwareResponse(Closed, frozen=True, kw_only=True):
    status: UpdateFirmwareStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class UsePriorityChargingRequest(Closed, frozen=True, kw_only=True):
    transaction_id: Text36
    activate: bool
    custom_data: CustomDataType | UnsetType = UNSET


class UsePriorityChargingResponse(Closed, frozen=True, kw_only=True):
    status: PriorityChargingStatusEnumType
    status_info: StatusInfoType | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class VatNumberValidationRequest(Closed, frozen=True, kw_only=True):
    vat_number: Text20
    evse_id: IntegerFrom0 | UnsetType = UNSET
    custom_data: CustomDataType | UnsetType = UNSET


class VatNumberValidationResponse(Closed, frozen=True, kw_only=True):
    company: AddressType | UnsetType = UNSET
    status_info: StatusInfoType | UnsetType = UNSET
    vat_number: Text20
    evse_id: IntegerFrom0 | UnsetType = UNSET
    status: GenericStatusEnumType
    custom_data: CustomDataType | UnsetType = UNSET


REQUESTS: Final[dict[str, type[Struct]]] = {
    "AFRRSignal": AFRRSignalRequest,
    "AdjustPeriodicEventStream": AdjustPeriodicEventStreamRequest,
    "Authorize": AuthorizeRequest,
    "BatterySwap": BatterySwapRequest,
    "BootNotification": BootNotificationRequest,
    "CancelReservation": CancelReservationRequest,
    "CertificateSigned": CertificateSignedRequest,
    "ChangeAvailability": ChangeAvailabilityRequest,
    "ChangeTransactionTariff": ChangeTransactionTariffRequest,
    "ClearCache": ClearCacheRequest,
    "ClearChargingProfile": ClearChargingProfileRequest,
    "ClearDERControl": ClearDERControlRequest,
    "ClearDisplayMessage": ClearDisplayMessageRequest,
    "ClearTariffs": ClearTariffsRequest,
    "ClearVariableMonitoring": ClearVariableMonitoringRequest,
    "ClearedChargingLimit": ClearedChargingLimitRequest,
    "ClosePeriodicEventStream": ClosePeriodicEventStreamRequest,
    "CostUpdated": CostUpdatedRequest,
    "CustomerInformation": CustomerInformationRequest,
    "DataTransfer": DataTransferRequest,
    "DeleteCertificate": DeleteCertificateRequest,
    "FirmwareStatusNotification": FirmwareStatusNotificationRequest,
    "Get15118EVCertificate": Get15118EVCertificateRequest,
    "GetBaseReport": GetBaseReportRequest,
    "GetCertificateChainStatus": GetCertificateChainStatusRequest,
    "GetCertificateStatus": GetCertificateStatusRequest,
    "GetChargingProfiles": GetChargingProfilesRequest,
    "GetCompositeSchedule": GetCompositeScheduleRequest,
    "GetDERControl": GetDERControlRequest,
    "GetDisplayMessages": GetDisplayMessagesRequest,
    "GetInstalledCertificateIds": GetInstalledCertificateIdsRequest,
    "GetLocalListVersion": GetLocalListVersionRequest,
    "GetLog": GetLogRequest,
    "GetMonitoringReport": GetMonitoringReportRequest,
    "GetPeriodicEventStream": GetPeriodicEventStreamRequest,
    "GetReport": GetReportRequest,
    "GetTariffs": GetTariffsRequest,
    "GetTransactionStatus": GetTransactionStatusRequest,
    "GetVariables": GetVariablesRequest,
    "Heartbeat": HeartbeatRequest,
    "InstallCertificate": InstallCertificateRequest,
    "LogStatusNotification": LogStatusNotificationRequest,
    "MeterValues": MeterValuesRequest,
    "NotifyAllowedEnergyTransfer": NotifyAllowedEnergyTransferRequest,
    "NotifyChargingLimit": NotifyChargingLimitRequest,
    "NotifyCustomerInformation": NotifyCustomerInformationRequest,
    "NotifyDERAlarm": NotifyDERAlarmRequest,
    "NotifyDERStartStop": NotifyDERStartStopRequest,
    "NotifyDisplayMessages": NotifyDisplayMessagesRequest,
    "NotifyEVChargingNeeds": NotifyEVChargingNeedsRequest,
    "NotifyEVChargingSchedule": NotifyEVChargingScheduleRequest,
    "NotifyEvent": NotifyEventRequest,
    "NotifyMonitoringReport": NotifyMonitoringReportRequest,
    "NotifyPeriodicEventStream": NotifyPeriodicEventStreamRequest,
    "NotifyPriorityCharging": NotifyPriorityChargingRequest,
    "NotifyReport": NotifyReportRequest,
    "NotifySettlement": NotifySettlementRequest,
    "NotifyWebPaymentStarted": NotifyWebPaymentStartedRequest,
    "OpenPeriodicEventStream": OpenPeriodicEventStreamRequest,
    "PublishFirmware": PublishFirmwareRequest,
    "PublishFirmwareStatusNotification": PublishFirmwareStatusNotificationRequest,
    "PullDynamicScheduleUpdate": PullDynamicScheduleUpdateRequest,
    "ReportChargingProfiles": ReportChargingProfilesRequest,
    "ReportDERControl": ReportDERControlRequest,
    "RequestBatterySwap": RequestBatterySwapRequest,
    "RequestStartTransaction": RequestStartTransactionRequest,
    "RequestStopTransaction": RequestStopTransactionRequest,
    "ReservationStatusUpdate": ReservationStatusUpdateRequest,
    "ReserveNow": ReserveNowRequest,
    "Reset": ResetRequest,
    "SecurityEventNotification": SecurityEventNotificationRequest,
    "SendLocalList": SendLocalListRequest,
    "SetChargingProfile": SetChargingProfileRequest,
    "SetDERControl": SetDERControlRequest,
    "SetDefaultTariff": SetDefaultTariffRequest,
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
    "UpdateDynamicSchedule": UpdateDynamicScheduleRequest,
    "UpdateFirmware": UpdateFirmwareRequest,
    "UsePriorityCharging": UsePriorityChargingRequest,
    "VatNumberValidation": VatNumberValidationRequest,
}

RESPONSES: Final[dict[str, type[Struct]]] = {
    "AFRRSignal": AFRRSignalResponse,
    "AdjustPeriodicEventStream": AdjustPeriodicEventStreamResponse,
    "Authorize": AuthorizeResponse,
    "BatterySwap": BatterySwapResponse,
    "BootNotification": BootNotificationResponse,
    "CancelReservation": CancelReservationResponse,
    "CertificateSigned": CertificateSignedResponse,
    "ChangeAvailability": ChangeAvailabilityResponse,
    "ChangeTransactionTariff": ChangeTransactionTariffResponse,
    "ClearCache": ClearCacheResponse,
    "ClearChargingProfile": ClearChargingProfileResponse,
    "ClearDERControl": ClearDERControlResponse,
    "ClearDisplayMessage": ClearDisplayMessageResponse,
    "ClearTariffs": ClearTariffsResponse,
    "ClearVariableMonitoring": ClearVariableMonitoringResponse,
    "ClearedChargingLimit": ClearedChargingLimitResponse,
    "ClosePeriodicEventStream": ClosePeriodicEventStreamResponse,
    "CostUpdated": CostUpdatedResponse,
    "CustomerInformation": CustomerInformationResponse,
    "DataTransfer": DataTransferResponse,
    "DeleteCertificate": DeleteCertificateResponse,
    "FirmwareStatusNotification": FirmwareStatusNotificationResponse,
    "Get15118EVCertificate": Get15118EVCertificateResponse,
    "GetBaseReport": GetBaseReportResponse,
    "GetCertificateChainStatus": GetCertificateChainStatusResponse,
    "GetCertificateStatus": GetCertificateStatusResponse,
    "GetChargingProfiles": GetChargingProfilesResponse,
    "GetCompositeSchedule": GetCompositeScheduleResponse,
    "GetDERControl": GetDERControlResponse,
    "GetDisplayMessages": GetDisplayMessagesResponse,
    "GetInstalledCertificateIds": GetInstalledCertificateIdsResponse,
    "GetLocalListVersion": GetLocalListVersionResponse,
    "GetLog": GetLogResponse,
    "GetMonitoringReport": GetMonitoringReportResponse,
    "GetPeriodicEventStream": GetPeriodicEventStreamResponse,
    "GetReport": GetReportResponse,
    "GetTariffs": GetTariffsResponse,
    "GetTransactionStatus": GetTransactionStatusResponse,
    "GetVariables": GetVariablesResponse,
    "Heartbeat": HeartbeatResponse,
    "InstallCertificate": InstallCertificateResponse,
    "LogStatusNotification": LogStatusNotificationResponse,
    "MeterValues": MeterValuesResponse,
    "NotifyAllowedEnergyTransfer": NotifyAllowedEnergyTransferResponse,
    "NotifyChargingLimit": NotifyChargingLimitResponse,
    "NotifyCustomerInformation": NotifyCustomerInformationResponse,
    "NotifyDERAlarm": NotifyDERAlarmResponse,
    "NotifyDERStartStop": NotifyDERStartStopResponse,
    "NotifyDisplayMessages": NotifyDisplayMessagesResponse,
    "NotifyEVChargingNeeds": NotifyEVChargingNeedsResponse,
    "NotifyEVChargingSchedule": NotifyEVChargingScheduleResponse,
    "NotifyEvent": NotifyEventResponse,
    "NotifyMonitoringReport": NotifyMonitoringReportResponse,
    "NotifyPriorityCharging": NotifyPriorityChargingResponse,
    "NotifyReport": NotifyReportResponse,
    "NotifySettlement": NotifySettlementResponse,
    "NotifyWebPaymentStarted": NotifyWebPaymentStartedResponse,
    "OpenPeriodicEventStream": OpenPeriodicEventStreamResponse,
    "PublishFirmware": PublishFirmwareResponse,
    "PublishFirmwareStatusNotification": PublishFirmwareStatusNotificationResponse,
    "PullDynamicScheduleUpdate": PullDynamicScheduleUpdateResponse,
    "ReportChargingProfiles": ReportChargingProfilesResponse,
    "ReportDERControl": ReportDERControlResponse,
    "RequestBatterySwap": RequestBatterySwapResponse,
    "RequestStartTransaction": RequestStartTransactionResponse,
    "RequestStopTransaction": RequestStopTransactionResponse,
    "ReservationStatusUpdate": ReservationStatusUpdateResponse,
    "ReserveNow": ReserveNowResponse,
    "Reset": ResetResponse,
    "SecurityEventNotification": SecurityEventNotificationResponse,
    "SendLocalList": SendLocalListResponse,
    "SetChargingProfile": SetChargingProfileResponse,
    "SetDERControl": SetDERControlResponse,
    "SetDefaultTariff": SetDefaultTariffResponse,
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
    "UpdateDynamicSchedule": UpdateDynamicScheduleResponse,
    "UpdateFirmware": UpdateFirmwareResponse,
    "UsePriorityCharging": UsePriorityChargingResponse,
    "VatNumberValidation": VatNumberValidationResponse,
}
