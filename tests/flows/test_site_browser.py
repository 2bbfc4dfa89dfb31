"""The site in a real Chromium: what axe finds, how it fits a phone, the keyboard, paper, no script at all.

Skipped where Chromium is not installed; ``.ci/run`` installs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Sample

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGES = (
    "index.html",
    "actions/03.html",
    "states/AGO.html",
    "states.html",
    "meetings.html",
    "quality.html",
    "about.html",
)
SCREENS = ((1280, "light"), (390, "dark"), (320, "light"))

# what stands further right than the text of the page may, tables that scroll by themselves left out
LEAVES_ITS_COLUMN = """
() => {
  const main = document.querySelector('main'), style = getComputedStyle(main);
  const edge = main.getBoundingClientRect().right - parseFloat(style.paddingRight) + 1;
  return [...main.querySelectorAll('*')]
    .filter(e => !e.closest('.scroll, pre, .vh, thead, svg') && e.getBoundingClientRect().right > edge)
    .slice(0, 3).map(e => e.outerHTML.slice(0, 160));
}
"""

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="Chromium is not installed here (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens pages; fails where a page asks for anything that is no file, or says anything on its console."""
    contexts, said = [], []

    def open_page(address: str, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: None if r.url.startswith("file:") else said.append(r.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def address(sample: Sample, page: str) -> str:
    return (sample.publication / "site" / page).as_uri()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_and_nothing_overflows(
    sample: Sample, opened: Any, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    page = opened("about:blank", viewport={"width": width, "height": 900}, color_scheme=scheme)
    lines: list[str] = []
    for name in PAGES:
        page.goto(address(sample, name))
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        found = (
            Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
        )
        lines += [f"{name}: {v['id']}: {node['html'][:200]}" for v in found for node in v["nodes"][:3]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            lines.append(f"{name}: scrolls sideways")
        lines += [f"{name}: leaves its column: {text}" for text in page.evaluate(LEAVES_ITS_COLUMN)]
    assert lines == []


def test_the_box_finds_an_indicator(sample: Sample, opened: Any) -> None:
    page = opened(address(sample, "index.html"))
    page.get_by_label("Find an indicator").fill("women participating")
    assert page.locator(".plan tbody tr:visible").count() == 1
    assert page.locator("section.plan:visible").count() == 1
    assert page.locator("#found").inner_text() == "1 of 87 shown"
    page.get_by_label("Find an indicator").fill("")
    assert page.locator(".plan tbody tr:visible").count() == 87


def test_without_a_script_everything_can_be_read(sample: Sample, opened: Any) -> None:
    page = opened(address(sample, "index.html"), java_script_enabled=False)
    assert page.locator(".plan tbody tr:visible").count() == 87
    assert not page.locator("#find").is_visible()
    page.goto(address(sample, "states.html"))
    assert page.locator(".plan tbody tr:visible").count() == 197


def test_the_keyboard_leads_into_the_page(sample: Sample, opened: Any) -> None:
    page = opened(address(sample, "actions/03.html"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        where = page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.tagName")
        if where == "BODY":
            break
        seen.add(where)
    assert {"#i3.3", "SUMMARY", "04.html"} <= seen


def test_pages_print_whole(sample: Sample, opened: Any, tmp_path: Path) -> None:
    page = opened(address(sample, "actions/07.html"))
    page.emulate_media(media="print")
    assert not page.locator(".top nav").is_visible()
    # also the years that are folded on the screen
    names = page.locator("details:not([open]) .members li").first
    assert names.is_visible()
    pdf = page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000


def test_the_site_works_wherever_it_lies(sample: Sample, opened: Any, tmp_path: Path) -> None:
    moved = tmp_path / "a folder with spaces & signs" / "site"
    shutil.copytree(sample.publication / "site", moved)
    page = opened((moved / "index.html").as_uri())
    assert page.evaluate("getComputedStyle(document.querySelector('table.overview')).tableLayout") == "fixed"
    page.locator("tr[id='i7.1'] a").click()
    assert page.url.endswith("/site/actions/07.html#i7.1")
    page.get_by_role("link", name="States", exact=True).click()
    assert page.locator("h1").inner_text() == "States"
