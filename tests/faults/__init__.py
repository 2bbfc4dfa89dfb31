"""Kills, failing disks and readers: what a home goes through without harm (docs/reliability.md)."""
