"""The nightly flow, the commands, and what they keep."""
