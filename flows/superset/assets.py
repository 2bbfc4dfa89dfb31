"""The database, datasets, charts and dashboard of ``assets/``, packed as Superset imports them.

The files are in the format that Superset exports, so that what somebody improves in Superset can be exported
and put back here. Two things are added on the way in: where the warehouse lies, and for each chart the
question it asks (``query_context``), without which Superset's REST API can't give a chart's data.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "assets"
DASHBOARD = "action-plan"
"""The dashboard's ``slug``: its address is ``/superset/dashboard/action-plan/``."""


def read(kind: str) -> dict[str, Any]:
    """Documents of a kind (``charts``, ``datasets/marts``, …) by the names of their files."""
    paths = sorted((FOLDER / kind).glob("*.yaml"))
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


def question(params: dict[str, Any]) -> dict[str, Any]:
    """What a chart asks of its dataset, as ``/api/v1/chart/data`` takes it."""
    filters = [
        {"col": f["subject"], "op": f["operator"], "val": f["comparator"]}
        for f in params.get("adhoc_filters", [])
    ]
    asked: dict[str, Any] = {"filters": filters, "row_limit": params["row_limit"]}
    if params.get("query_mode") == "raw":
        orders = [json.loads(order) for order in params["order_by_cols"]]
        return {**asked, "columns": params["all_columns"], "metrics": [], "orderby": orders}
    axis = [params["x_axis"]] if "x_axis" in params else []
    groups = params.get("groupby") or [*params.get("groupbyColumns", ()), *params.get("groupbyRows", ())]
    return {**asked, "columns": [*axis, *groups], "metrics": params["metrics"]}


def bundle(warehouse: Path) -> bytes:
    """A ZIP for ``/api/v1/assets/import/``, its database being ``warehouse``. Raises ``OSError``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(FOLDER.rglob("*.yaml")):
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            if path.parent.name == "databases":
                document["sqlalchemy_uri"] = f"duckdb:///{warehouse}"
            if path.parent.name == "charts" and not document.get("query_context"):
                context = {
                    "datasource": {"id": 0, "type": "table"},  # the import puts the dataset's own id here
                    "force": False,
                    "queries": [question(document["params"])],
                    "form_data": document["params"],
                    "result_format": "json",
                    "result_type": "full",
                }
                document["query_context"] = json.dumps(context)
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
            archive.writestr(f"assets/{path.relative_to(FOLDER)}", text)
    return packed.getvalue()
