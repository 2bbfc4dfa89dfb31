"""Settings of the Superset that ``make superset`` starts: one machine, loopback, nothing sent anywhere.

Superset reads this file itself (``SUPERSET_CONFIG_PATH``), in its own environment; what differs from one
installation to the next comes from the environment that ``flows.superset`` gives it.
"""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path(os.environ["SUPERSET_HOME"])

SECRET_KEY = (_FOLDER / "secret.key").read_text(encoding="utf-8").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_FOLDER / 'superset.db'}?check_same_thread=false"
SQLALCHEMY_TRACK_MODIFICATIONS = False

# The warehouse is opened anew for every question, so that a new publication is seen at once; results are
# never kept, for the same reason.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
RATELIMIT_STORAGE_URI = "memory://"

SQL_MAX_ROW = 100_000
FEATURE_FLAGS = {"ALERT_REPORTS": False, "DASHBOARD_RBAC": True}
APP_NAME = "Siem Reap-Angkor Action Plan"

# Superset's own policy lets pages fetch pictures and maps from outside, one of them a counter of visits.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
