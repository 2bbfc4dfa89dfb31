"""Tests mirror the folders of the project; ``oracle`` recomputes its figures independently."""
