"""Superset's REST API, as far as it is needed: log in, import, ask a chart, ask a query."""

from __future__ import annotations

from typing import Any

import requests

from flows.errors import Defect

SECONDS = 120


class Client:
    """Somebody who is logged in. Raises ``Defect``, with Superset's words, where it refuses."""

    def __init__(self, address: str, password: str, user: str = "admin") -> None:
        self.address = address
        self._session = requests.Session()
        self._session.trust_env = False  # loopback goes through no proxy
        credentials = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self._ask("POST", "/api/v1/security/login", json=credentials)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.headers["Referer"] = address
        csrf = self._ask("GET", "/api/v1/security/csrf_token/")["result"]
        self._session.headers["X-CSRFToken"] = csrf

    def install(self, bundle: bytes) -> None:
        """Import a database, datasets, charts and a dashboard, overwriting those of the same ids."""
        self._ask("POST", "/api/v1/assets/import/", files={"bundle": ("assets.zip", bundle)})

    def charts(self, dashboard: str) -> dict[str, int]:
        """The charts of a dashboard: id by name."""
        found = self._ask("GET", f"/api/v1/dashboard/{dashboard}/charts")["result"]
        return {chart["slice_name"]: chart["id"] for chart in found}

    def chart_data(self, chart: int) -> list[dict[str, Any]]:
        """The rows that a saved chart shows."""
        found = self._ask("GET", f"/api/v1/chart/{chart}/data/")["result"][0]
        if found.get("error"):
            raise Defect(str(found["error"]), where=f"chart {chart}")
        rows: list[dict[str, Any]] = found["data"]
        return rows

    def refused(self, sql: str) -> str:
        """Try a query as people do in SQL Lab: why it is refused, or nothing where it is answered."""
        database = self._ask("GET", "/api/v1/database/")["result"][0]["id"]
        asked = {"database_id": database, "sql": sql, "schema": "marts", "runAsync": False, "tab": "check"}
        answer = self._session.post(f"{self.address}/api/v1/sqllab/execute/", json=asked, timeout=SECONDS)
        return "" if answer.ok else answer.text

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._session.request(method, self.address + path, timeout=SECONDS, **arguments)
        if not answer.ok:
            raise Defect(f"Superset answered {answer.status_code}: {answer.text[:2000]}", where=path)
        return answer.json()
