"""Stand-ins for what dbt gives a macro, so that sqlfluff can render the SQL without dbt and a database.

Every public name becomes a name in Jinja (``library_path`` in ``.sqlfluff``). A dispatched macro renders as
a call of its own name: linting asks for SQL that parses, not for SQL that runs.
"""

from __future__ import annotations

from collections.abc import Callable


class _Adapter:
    @staticmethod
    def dispatch(macro: str) -> Callable[..., str]:
        return lambda *arguments: f"{macro}({', '.join(str(a) for a in arguments)})"


class _Dbt:
    @staticmethod
    def type_string() -> str:
        return "varchar"


class _Target:
    schema = "main"


def _return(value: str) -> str:
    return value


def configured_plan() -> str:
    """For the macros that call it: sqlfluff loads each file of macros without the others."""
    return "'draft'"


def days_of_era(day: str) -> str:
    """As ``configured_plan``."""
    return f"days_of_era({day})"


adapter = _Adapter()
dbt = _Dbt()
target = _Target()
globals()["return"] = _return  # a word of Python, so it can't be the name of a function
