"""The process in which files are parsed: it has limits, no network, and ends with its parent.

Speaks lines of JSON: requests on standard input, one answer each on standard output. Tables go into files of
Arrow in the folder that a request names. ``flows/reading.py`` is its parent, and believes nothing it says
without looking. Nothing of the parent's environment or memory is here.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import children, confine

if TYPE_CHECKING:
    from sources.reading import Parsed

BATCH_ROWS = 100_000
BROKEN = 3
"""Exit code of a process that ran out of memory; who is out of memory can't be trusted with the next file."""


def main() -> None:
    """Answer requests until the parent closes the pipe. Arguments: folders of readers."""
    children.ignore_interrupts()
    confine.no_core_dumps()
    confined = confine.forbid_network_and_programs()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests = children.requests()
    from sources import readers, reading

    readers.FOLDERS = tuple(Path(folder) for folder in sys.argv[1:])
    _answer(answers, {"ready": True, "confined": confined})
    while True:
        asked = requests.get()
        confine.limit_memory(asked["memory"])
        confine.limit_output(asked["output"])
        confine.limit_processor(asked["seconds"])
        try:
            parsed = reading.parse(
                Path(asked["path"]),
                asked["name"],
                date.fromisoformat(asked["received_on"]) if asked["received_on"] else None,
                asked["max_bytes"],
            )
            told = _told(parsed, Path(asked["folder"]))
        except MemoryError:
            _answer(answers, {"broke": "memory"})
            os._exit(BROKEN)
        except Exception as error:
            told = {
                "broke": "defect",
                "kind": type(error).__name__,
                "errno": getattr(error, "errno", None),
                "of_file": getattr(error, "filename", None) == asked["path"],
            }
        _answer(answers, told)
        del told


def _answer(answers: Any, told: dict[str, Any]) -> None:
    answers.write(json.dumps(told) + "\n")
    answers.flush()


def _told(parsed: Parsed, folder: Path) -> dict[str, Any]:
    """What a file holds as JSON, its tables in files. Raises ``OSError`` where they can't be written."""
    import pyarrow as pa

    tables = []
    for number, table in enumerate(parsed.tables):
        name = None
        if table.table is not None:
            name = f"{number}.arrow"
            # The parent takes one kind of text; batch by batch, for the other one is half as large.
            schema = pa.schema(
                [
                    field.with_type(pa.large_string()) if pa.types.is_string(field.type) else field
                    for field in table.table.schema
                ]
            )
            with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, schema) as out:
                for batch in table.table.to_batches(max_chunksize=BATCH_ROWS):
                    out.write_table(pa.Table.from_batches([batch]).cast(schema))
        tables.append(
            {
                "dataset": table.dataset,
                "sheet": table.sheet,
                "header": list(table.header),
                "problem": _problem(table.problem),
                "file": name,
                "letters": dict(table.letters),
            }
        )
    return {
        "format": parsed.format,
        "tables": tables,
        "ignored_sheets": parsed.ignored_sheets,
        "problem": _problem(parsed.problem),
        "personal_properties": parsed.personal_properties,
        "findings": [
            {
                "sheet": sheet,
                "code": found.code,
                "severity": found.severity,
                "sentence": found.sentence,
                "place": found.place,
            }
            for sheet, found in parsed.findings
        ],
        "holds_people": parsed.holds_people,
        "template": parsed.template.plan_version if parsed.template else None,
    }


def _problem(problem: Any) -> list[str] | None:
    return None if problem is None else [problem.code, problem.sentence]


if __name__ == "__main__":
    main()
