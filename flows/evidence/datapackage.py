"""``datapackage.json``: the tables of a publication, described for programs (Data Package v2).

It is generated from dbt's manifest (descriptions, and keys from the tests that prove them) and from the
tables as they were written, so that it can't drift from either. It holds no time and no id of a run; that is
why ``dim_publication``, which does, stands in it without size and hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.evidence import spreadsheet
from flows.evidence.manifest import Output, Table
from flows.files import json_bytes

PROFILE = "https://datapackage.org/profiles/2.0"

_FIELD_TYPES = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "INTEGER": "integer",
    "SMALLINT": "integer",
    "HUGEINT": "integer",
    "DOUBLE": "number",
    "DATE": "date",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "datetime",
}

_OF_THE_RUN = "dim_publication"
"""The one table whose bytes differ where a publication is made again."""

_HAS_UNIT = {"value", "previous_value", "change"}

_CSV_NOTE = (
    "A text that a spreadsheet could run as a formula begins with one apostrophe more than in Parquet."
)


def write(
    folder: Path, nodes: Mapping[str, Any], tables: Mapping[str, Table], outputs: Mapping[str, Output]
) -> Path:
    """Write ``datapackage.json``: a resource for each Parquet and CSV file of a marts table, and one
    for the workbook.

    ``nodes``: those of dbt's manifest; ``tables`` and ``outputs`` by path. Raises ``OSError``, and
    ``KeyError`` for a column type that Table Schema has no word for.
    """
    models = _models(nodes)
    keys = _keys(nodes, models)
    resources = []
    for path in sorted(tables):
        part, _, file_name = path.rpartition("/")
        name = Path(file_name).stem
        if part in ("parquet", "csv"):
            schema = _schema(models.get(name), tables[path], keys.get(name))
            resources.append(_resource(name, outputs[path], models.get(name), schema))
    if (workbook := outputs.get(spreadsheet.NAME)) is not None:
        resources.append(_workbook(workbook))
    document = {
        "$schema": f"{PROFILE}/datapackage.json",
        "name": "siem-reap-angkor-action-plan-indicators",
        "title": "Indicators of the Siem Reap-Angkor Action Plan 2025-2029",
        "description": "Values of the indicators by reporting year, what each rests on, and the dictionary.",
        "resources": resources,
    }
    target = folder / "datapackage.json"
    target.write_bytes(json_bytes(document))
    return target


def _models(nodes: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """dbt's models of the schema marts, by the name of their table."""
    return {
        node["alias"]: node
        for node in nodes.values()
        if node["resource_type"] == "model" and node["config"].get("schema") == "marts"
    }


def _keys(nodes: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Primary key of each table that has a test ``unique_key``, or is named among the keys of another test.

    The mart of an action is a selection of ``indicator_values``, which a test proves; its key is the same.
    """
    keys = {
        nodes[node["attached_node"]]["alias"]: [
            str(column) for column in node["test_metadata"]["kwargs"]["columns"]
        ]
        for node in nodes.values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == "unique_key"
    }
    for node in nodes.values():
        if node["resource_type"] == "test":
            keys |= node["config"].get("meta", {}).get("keys", {})
    of_values = keys.get("indicator_values", [])
    actions = {name for name in models if name.startswith("action_")}
    return {name: of_values for name in actions if of_values} | keys


def _schema(model: Mapping[str, Any] | None, table: Table, key: list[str] | None) -> dict[str, Any]:
    described = model["columns"] if model else {}
    names = {name for name, _ in table.columns}
    fields = []
    for name, kind in table.columns:
        field: dict[str, Any] = {"name": name, "type": _field_type(kind)}
        if field["type"] == "datetime":
            field["format"] = "any"
        if text := (described.get(name) or {}).get("description", "").strip():
            field["description"] = text
        if name in _HAS_UNIT and "unit" in names:
            field["unitFrom"] = "unit"
        if name in (key or ()):
            field["constraints"] = {"required": True}
        fields.append(field)
    schema: dict[str, Any] = {"$schema": f"{PROFILE}/tableschema.json", "fields": fields}
    if key:
        schema["primaryKey"] = key
    return schema


def _field_type(kind: str) -> str:
    return "number" if kind.startswith("DECIMAL") else _FIELD_TYPES[kind]


def _workbook(output: Output) -> dict[str, Any]:
    """The workbook: several tables in one file, for which Table Schema has no words."""
    return {
        "$schema": f"{PROFILE}/dataresource.json",
        "name": "indicators-xlsx",
        "title": "Indicators, for spreadsheets",
        "description": "The indicators by year with their wording, every value, and what each counts.",
        "path": output.path,
        "format": "xlsx",
        "mediatype": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "bytes": output.bytes,
        "hash": f"sha256:{output.sha256}",
    }


def _resource(
    name: str, output: Output, model: Mapping[str, Any] | None, schema: dict[str, Any]
) -> dict[str, Any]:
    ending = output.path.rpartition(".")[2]
    description = (model["description"].strip() if model else "") or name
    resource: dict[str, Any] = {
        "$schema": f"{PROFILE}/dataresource.json",
        "name": f"{name}-{ending}",
        "title": name,
        "description": f"{description} {_CSV_NOTE}" if ending == "csv" else description,
        "path": output.path,
        "type": "table",
        "format": ending,
        "mediatype": "text/csv" if ending == "csv" else "application/vnd.apache.parquet",
    }
    if ending == "csv":
        resource["encoding"] = "utf-8"
    if name != _OF_THE_RUN:
        resource |= {"bytes": output.bytes, "hash": f"sha256:{output.sha256}", "rows": output.rows}
    return resource | {"schema": schema}
