"""Apache Superset over the published warehouse: its settings, and a dashboard of the indicators as files.

``python -m flows.superset`` (``make superset``) is how it starts. Superset lives in an environment of its own
(``.venv/superset``), since it needs other versions of what the pipeline stands on; nothing here imports it.
"""
