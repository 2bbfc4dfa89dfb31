"""Fetching: what configured sources bring, and what is said of each time they were asked.

One file names the sources (``settings.py``). A night asks those that are due (``fetch.py``) through a
transport that trusts nothing it meets (``connections.py``, ``addresses.py``, ``transfer.py``,
``content.py``), lays the bytes into the restricted part of the archive, where the night takes them in like
an inbox's files, and leaves a receipt for each source (``receipts.py``). Why it is cut so:
docs/decisions/017-fetching.md. For people: docs/sources.md. Without configured sources nothing here imports
more than the standard library.
"""
