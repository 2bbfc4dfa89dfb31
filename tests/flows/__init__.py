"""Tests of the home, the archive, the ledger, the flow, the publication and the commands."""
