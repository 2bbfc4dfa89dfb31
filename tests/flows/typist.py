# mypy: ignore-errors
"""Works in LibreOffice as a person does: opens workbooks, types into cells, saves them.

Runs under the Python that has LibreOffice's bridge, not under ours. Reads from standard input a JSON list of
jobs: ``open``, ``save`` (paths) and ``cells``, a list of [sheet, cell, text]. Prints, for each job, what the
typed cells then hold; a cell that is locked on a protected sheet is not typed into, and is ``locked``.
"""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException


def given(name, value):
    found = PropertyValue()
    found.Name, found.Value = name, value
    return found


def desktop(pipe):
    here = uno.getComponentContext()
    resolver = here.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", here)
    for _ in range(600):
        with contextlib.suppress(NoConnectException):
            there = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
            return there.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", there)
        time.sleep(0.1)  # it is starting; there is nothing that could be waited for
    raise SystemExit("LibreOffice didn't start")


def work(office, job):
    book = office.loadComponentFromURL(Path(job["open"]).as_uri(), "_blank", 0, (given("Hidden", True),))
    held = []
    for sheet, cell, text in job["cells"]:
        page = book.Sheets.getByName(sheet)
        place = page.getCellRangeByName(cell)
        if page.isProtected() and place.CellProtection.IsLocked:
            held.append("locked")
            continue
        place.setFormula(text)
        held.append(place.String)
    form = given("FilterName", "Calc MS Excel 2007 XML")
    book.storeToURL(Path(job["save"]).as_uri(), (form,))
    book.close(True)
    return held


def main():
    profile, jobs = sys.argv[1], json.load(sys.stdin)
    pipe = f"sraap{Path(profile).name}"
    program = subprocess.Popen(
        [
            "soffice",
            "--headless",
            "--norestore",
            "--nologo",
            f"-env:UserInstallation={Path(profile).as_uri()}",
            f"--accept=pipe,name={pipe};urp;",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        office = desktop(pipe)
        print(json.dumps([work(office, job) for job in jobs]))
        with contextlib.suppress(Exception):  # it hangs up as it ends
            office.terminate()
        program.wait(30)
    finally:
        program.kill()


main()
