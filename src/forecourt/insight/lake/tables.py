"""The lake's tables: their columns and types, and how rows of PostgreSQL become files of them."""

from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from forecourt.insight.pseudonyms import number_of, of_driver, of_token

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of one group of a file.
GROUP_ROWS: Final = 100_000
#: Bytes of text that are read at a time.
BLOCK_BYTES: Final = 8 << 20

Kind = Literal["text", "int", "time", "date", "float", "bool"]

#: Columns by table. Energy in Wh, power in W, money in minor units, lengths of time in seconds, times in UTC. Another
#: column makes another layout.FORMAT.
COLUMNS: Final[dict[str, dict[str, Kind]]] = {
    "sessions": {
        "source": "text", "session": "text", "station": "text", "evse": "text", "connector_type": "text",
        "driver": "int", "started_at": "time", "ended_at": "time", "charging_ended_at": "time", "stay_s": "int",
        "idle_s": "int", "energy_wh": "int", "given_wh": "int", "currency": "text", "excl_minor": "int",
        "incl_minor": "int", "tariff": "text", "outcome": "text", "stop_reason": "text", "flags": "text",
        "sampled_wh": "int", "power_wh": "int", "offered_wh": "int", "hottest_c": "float",
        "most_w": "int", "paid_by": "text", "driver_group": "text",
    },
    "hours": {
        "station": "text", "site": "text", "hour_at": "time", "local_date": "date", "weekday": "int", "hour": "int",
        "busy_s": "int", "charging_s": "int", "energy_wh": "int", "starts": "int", "peak": "int", "currency": "text",
        "excl_minor": "int", "incl_minor": "int",
    },
    "site_hours": {
        "site": "text", "hour_at": "time", "local_date": "date", "weekday": "int", "hour": "int", "busy_s": "int",
        "charging_s": "int", "energy_wh": "int", "starts": "int", "peak": "int", "currency": "text",
        "excl_minor": "int", "incl_minor": "int",
    },
    "site_days": {
        "site": "text", "local_date": "date", "connector_type": "text", "tariff": "text", "outcome": "text",
        "stop_reason": "text", "paid_by": "text", "sessions": "int", "stay_s": "int", "idle_known": "int",
        "idle_s": "int", "energy_wh": "int", "with_driver": "int", "visits": "int", "visits_charged": "int",
        "at_once": "int",
    },
    "group_days": {
        "site": "text", "local_date": "date", "driver_group": "text", "driver": "int", "currency": "text",
        "sessions": "int", "stay_s": "int", "idle_known": "int", "idle_s": "int", "energy_wh": "int",
        "excl_minor": "int", "excl_known": "int",
    },
    "group_uses": {
        "local_date": "date", "driver_group": "text", "currency": "text", "sessions": "int", "stay_s": "int",
        "idle_known": "int", "idle_s": "int", "energy_wh": "int", "excl_minor": "int", "excl_known": "int",
    },
    "site_uses": {
        "site": "text", "local_date": "date", "busy_s": "int", "charging_s": "int", "energy_wh": "int",
        "known_wh": "int", "starts": "int", "peak": "int", "currency": "text", "excl_minor": "int", "incl_minor": "int",
    },
    "station_months": {
        "station": "text", "site": "text", "month": "date", "hour_at": "time", "busy_s": "int", "charging_s": "int",
        "energy_wh": "int", "starts": "int", "peak": "int", "currency": "text", "excl_minor": "int",
        "incl_minor": "int",
    },
    "zone_hours": {
        "zone": "text", "hour_at": "time", "local_date": "date", "weekday": "int", "hour": "int", "busy_s": "int",
        "charging_s": "int", "energy_wh": "int", "starts": "int", "peak": "int", "currency": "text",
        "excl_minor": "int", "incl_minor": "int",
    },
    "stay_days": {"local_date": "date", "minutes": "int", "sessions": "int"},
    "driver_months": {
        "driver": "int", "month": "date", "first_at": "time", "last_at": "time", "sessions": "int", "energy_wh": "int",
        "currency": "text", "excl_minor": "int", "excl_known": "int",
    },
    "driver_spans": {
        "driver": "int", "months": "int", "month": "date", "first_at": "time", "last_at": "time", "sessions": "int",
        "energy_wh": "int", "currency": "text", "excl_minor": "int", "excl_known": "int", "began_at": "time",
    },
    "driver_groups": {"driver_group": "text", "month": "date", "drivers": "int"},
    "drivers": {"driver": "int", "first_at": "time"},
    "network_hours": {"hour_at": "time", "peak": "int"},
    "stations": {
        "station": "text", "name": "text", "site": "text", "site_name": "text", "zone": "text", "source": "text",
        "evses": "int", "power_w": "int", "vendor": "text", "model": "text", "latitude": "float",
        "longitude": "float", "first_at": "time", "last_at": "time", "used_at": "time",
    },
    "states": {
        "station": "text", "evse": "int", "connector": "int", "state_at": "time", "state": "text",
        "error_code": "text", "vendor_error_code": "text", "info": "text", "arrived_at": "time",
    },
    "gaps": {"station": "text", "lost_at": "time", "returned_at": "time"},
    "prices": {
        "kind": "text", "zone": "text", "start_at": "time", "minutes": "int", "value": "float", "currency": "text",
        "source": "text",
    },
    "incidents": {
        "incident": "text", "kind": "text", "severity": "int", "station": "text", "site": "text", "evse": "int",
        "connector": "int", "since": "time", "opened_at": "time", "gone_at": "time", "closed_at": "time",
        "acknowledged_at": "time",
    },
}  # fmt: skip
#: The last state of each connector of a station, from when it was retired on: nobody said it. What another station of
#: the same identity says comes after it.
RETIRED: Final = "Retired"
#: Columns of sessions that stay empty where nobody knows the driver: a group may have but this one.
OF_DRIVERS: Final = ("driver", "driver_group")
#: Columns that come from PostgreSQL only to find the pseudonym by.
WHO: Final[dict[str, Kind]] = {"token_uid": "text", "driver_id": "int", "pseudonym": "text"}


class Written(Struct, frozen=True, kw_only=True):
    """What a file holds."""

    rows: int
    until: datetime | None
    drivers: bool


class Names:
    """Numbers of drivers by their pseudonyms, each reckoned once; `gone` are those that were erased."""

    def __init__(self, key: bytes, gone: Set[str]) -> None:
        self._key = key
        self._gone = gone
        self._known: dict[tuple[str | None, int | None], int | None] = {}

    def of(self, token_uid: str | None, driver_id: int | None, pseudonym: str | None) -> int | None:
        """Of a driver with an account the one, else of the token, else what an import says."""
        if pseudonym is not None:
            return self._numbered(pseudonym)
        if token_uid is None:
            return None
        who = (None, driver_id) if driver_id is not None else (token_uid, None)
        if who not in self._known:
            name = of_token(self._key, token_uid) if driver_id is None else of_driver(self._key, driver_id)
            self._known[who] = self._numbered(name)
        return self._known[who]

    def _numbered(self, name: str) -> int | None:
        return None if name in self._gone else number_of(name)


def schema(table: str) -> "pa.Schema":
    """A table's columns with their types in Parquet."""
    import pyarrow as pa

    kinds = {
        "text": pa.string(), "int": pa.int64(), "time": pa.timestamp("us", tz="UTC"), "date": pa.date32(),
        "float": pa.float64(), "bool": pa.bool_(),
    }  # fmt: skip
    return pa.schema([(name, kinds[kind]) for name, kind in COLUMNS[table].items()])


def from_text(table: str, text: Path, target: Path, names: Names | None, *, anonymous: bool = False) -> Written:
    """Makes a file of what COPY wrote: CSV, times as whole microseconds since 1970. With `anonymous`, of nobody."""
    wanted = schema(table)
    with _writer(target, wanted) as writer:
        rows, until, drivers = 0, None, False
        for batch in _batches(table, text):
            if table == "sessions":
                batch = _named(batch, names, anonymous=anonymous)  # noqa: PLW2901
                drivers = drivers or batch.column("driver").null_count < batch.num_rows
                until = _latest(batch, until)
            writer.write_table(batch.select(wanted.names).cast(wanted), row_group_size=GROUP_ROWS)
            rows += batch.num_rows
    return Written(rows=rows, until=until, drivers=drivers)


def from_table(table: str, rows: "pa.Table", target: Path) -> Written:
    """Makes a file of a table in memory."""
    wanted = schema(table)
    with _writer(target, wanted) as writer:
        writer.write_table(rows.select(wanted.names).cast(wanted), row_group_size=GROUP_ROWS)
    return Written(rows=rows.num_rows, until=None, drivers="driver" in wanted.names)


def without(table: str, source: Path, target: Path, gone: Set[str]) -> Written | None:
    """Makes a file of another one without these drivers: their sessions are nobody's and of no group, what was counted
    of them is left out. None: it has none of them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    numbers = pa.array(sorted(map(number_of, gone)), pa.int64())
    hit = pc.is_in(pq.read_table(source, columns=["driver"]).column("driver"), value_set=numbers)
    if not pc.any(hit).as_py():
        return None
    wanted, until, left, rows, kept = schema(table), None, False, 0, 0
    with pq.ParquetFile(source) as file, _writer(target, wanted) as writer:
        for batch in file.iter_batches(GROUP_ROWS):
            part = pa.Table.from_batches([batch])
            theirs = hit.slice(rows, part.num_rows)
            rows += part.num_rows
            if table == "sessions":
                for name in OF_DRIVERS:
                    column = part.column(name)
                    keep = pc.if_else(theirs, pa.scalar(None, column.type), column)
                    part = part.set_column(part.schema.get_field_index(name), name, keep)
                until = _latest(part, until)
            else:
                part = part.filter(pc.invert(theirs))
            left = left or part.column("driver").null_count < part.num_rows
            kept += part.num_rows
            writer.write_table(part.select(wanted.names).cast(wanted), row_group_size=GROUP_ROWS)
    return Written(rows=kept, until=until, drivers=left)


def _writer(target: Path, wanted: "pa.Schema") -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(target, wanted, compression="zstd", use_dictionary=True, write_statistics=True)


def _batches(table: str, text: Path) -> "Iterator[pa.Table]":
    import pyarrow as pa
    import pyarrow.csv as pc

    if text.stat().st_size == 0:
        return
    columns: Mapping[str, Kind] = COLUMNS[table] | (WHO if table == "sessions" else {})
    if table == "sessions":
        columns = {name: kind for name, kind in columns.items() if name != "driver"}
    kinds = {"text": pa.string(), "int": pa.int64(), "time": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    reader = pc.open_csv(
        text,
        read_options=pc.ReadOptions(column_names=list(columns), block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types={name: kinds[kind] for name, kind in columns.items()}, null_values=[""],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
    with reader:
        for batch in reader:
            part = pa.Table.from_batches([batch])
            for name, kind in columns.items():
                if kind == "time":
                    at = part.column(name).cast(pa.timestamp("us", tz="UTC"))
                    part = part.set_column(part.schema.get_field_index(name), name, at)
            yield part


def _named(batch: "pa.Table", names: Names | None, *, anonymous: bool) -> "pa.Table":
    """With the numbers of drivers, and groups of these alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if anonymous or names is None:
        drivers: list[int | None] = [None] * batch.num_rows
    else:
        who = (batch.column(name).to_pylist() for name in WHO)
        drivers = [names.of(*each) for each in zip(*who, strict=True)]
    known = pa.array(drivers, pa.int64())
    groups = batch.column("driver_group").combine_chunks()
    groups = pc.if_else(pc.is_valid(known), groups, pa.scalar(None, groups.type))
    batch = batch.set_column(batch.schema.get_field_index("driver_group"), "driver_group", groups)
    return batch.append_column("driver", known)


def _latest(batch: "pa.Table", before: datetime | None) -> datetime | None:
    import pyarrow.compute as pc

    found = pc.max(batch.column("ended_at")).as_py()
    if found is None:
        return before
    latest: datetime = found.astimezone(UTC)
    return latest if before is None else max(before, latest)
