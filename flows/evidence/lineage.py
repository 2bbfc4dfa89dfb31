"""``evidence/openlineage.json``: the run as OpenLineage events, for catalogues that read them.

A list of two run events of the specification 2-0-2, START and COMPLETE: inputs are the files that were
received, named by their SHA-256; outputs are the tables of the publication, with schema and rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.evidence.manifest import Output, Table
from flows.files import json_bytes

PRODUCER = "urn:sraap"
SPECIFICATION = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)


def write(
    folder: Path,
    run_id: str,
    *,
    started_at: str,
    ended_at: str,
    settings: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Table],
    outputs: Mapping[str, Output],
) -> Path:
    """Write the events of one run.

    ``started_at``, ``ended_at``: UTC, ISO 8601. ``settings``: as in the manifest. ``inputs``: as in
    ``audit.files``. ``tables``, ``outputs``: by path. Raises ``OSError``.
    """
    run = {
        "runId": str(uuid.uuid5(_NAMESPACE, run_id)),
        "facets": {
            "processing_engine": _facet(
                "1-1-1/ProcessingEngineRunFacet", name="sraap", version=str(settings["program_version"])
            ),
            "sraap": _facet(None, publication_id=run_id, **settings),
        },
    }
    job = {
        "namespace": PRODUCER,
        "name": "nightly",
        "facets": {
            "jobType": _facet(
                "2-0-4/JobTypeJobFacet", processingType="BATCH", integration="SRAAP", jobType="JOB"
            )
        },
    }
    common = {"producer": PRODUCER, "schemaURL": SPECIFICATION, "run": run, "job": job}
    received = list(_inputs(inputs))
    marts = [
        _output(path, tables[path], outputs[path]) for path in sorted(tables) if path.startswith("parquet/")
    ]
    events = [
        {"eventType": "START", "eventTime": started_at, **common, "inputs": received, "outputs": []},
        {"eventType": "COMPLETE", "eventTime": ended_at, **common, "inputs": received, "outputs": marts},
    ]
    target = folder / "evidence" / "openlineage.json"
    target.write_bytes(json_bytes(events))
    return target


def _facet(schema: str | None, **content: Any) -> dict[str, Any]:
    where = f"{_FACETS}/{schema}.json" if schema else SPECIFICATION.replace("RunEvent", "RunFacet")
    return {"_producer": PRODUCER, "_schemaURL": where, **content}


def _inputs(files: Sequence[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """One dataset for each received file; a file that came under several names is one."""
    seen: set[str] = set()
    for file in files:
        digest = file["file_sha256"]
        if not digest or digest in seen:
            continue
        seen.add(digest)
        yield {
            "namespace": f"{PRODUCER}:archive",
            "name": f"sha256:{digest}",
            "facets": {"version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=digest)},
            "inputFacets": {
                "inputStatistics": _facet(
                    "1-0-0/InputStatisticsInputDatasetFacet", size=int(file["bytes"] or 0), fileCount=1
                )
            },
        }


def _output(path: str, table: Table, output: Output) -> dict[str, Any]:
    fields = [
        {"name": name, "type": kind, "ordinal_position": place}
        for place, (name, kind) in enumerate(table.columns, start=1)
    ]
    return {
        "namespace": f"{PRODUCER}:publication",
        "name": f"marts.{Path(path).stem}",
        "facets": {
            "schema": _facet("1-2-0/SchemaDatasetFacet", fields=fields),
            "version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=output.sha256),
        },
        "outputFacets": {
            "outputStatistics": _facet(
                "1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=table.rows, size=output.bytes
            )
        },
    }
