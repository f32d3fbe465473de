"""A report in a real browser: hostile texts, light and dark, keyboard, narrow screens, paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from report_samples import HOSTILE, hostile, sample

from browser import chromium, watch
from gnomon.cli import cli
from gnomon.report.palette import CELLS, DARK, DARK_CELLS, LIGHT, SERIES, STATUSES

pytest.importorskip("altair")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of the file."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Reports of a plain and of a hostile database, by name, as addresses."""
    folder = tmp_path_factory.mktemp("pages")
    out = {}
    for name, make in {"plain": sample, "hostile": hostile}.items():
        path = folder / f"{name}.html"
        words = ["report", str(make(folder / f"{name}.db")), "-o", str(path)]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        out[name] = path.as_uri()
    return out


def test_no_payload_runs_and_nothing_is_asked_for(browser: Any, pages: dict[str, str]) -> None:
    """Every fold open, every mark pointed at: no script ran, no address was asked, no complaint."""
    seen = watch(browser)
    seen.page.goto(pages["hostile"])
    seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for mark in seen.page.query_selector_all("svg title")[:20]:
        mark.evaluate("m => m.parentElement.dispatchEvent(new MouseEvent('mouseover'))")
    assert seen.page.evaluate("window.hacked") is None
    assert seen.complaints == []
    assert seen.requests == [pages["hostile"]]
    shown = seen.page.evaluate("document.body.textContent")
    for payload in HOSTILE[:18]:
        # Labels are cut at sixty characters; that much of each is to be seen.
        assert payload[:40] in shown
    assert seen.page.evaluate("getComputedStyle(document.querySelector('h1')).display") == "block"
    seen.page.close()


def test_the_readers_light_or_dark_setting_reaches_the_charts(
    browser: Any, pages: dict[str, str]
) -> None:
    """Paper, text and marks take the colours of the palette; print takes the light ones."""

    def colours(page: Any) -> dict[str, str]:
        return page.evaluate(
            """() => ({
                paper: getComputedStyle(document.body).backgroundColor,
                ink: getComputedStyle(document.body).color,
                mark: getComputedStyle(document.querySelector('svg path[fill*="series-1"]')).fill,
            })"""
        )

    def wanted(palette: dict[str, str]) -> dict[str, str]:
        def rgb(name: str) -> str:
            value = palette[name]
            return f"rgb({int(value[1:3], 16)}, {int(value[3:5], 16)}, {int(value[5:], 16)})"

        return {"paper": rgb("paper"), "ink": rgb("ink"), "mark": rgb("series-1")}

    seen = watch(browser, color_scheme="light")
    seen.page.goto(pages["plain"])
    assert colours(seen.page) == wanted(LIGHT)
    seen.page.emulate_media(color_scheme="dark")
    assert colours(seen.page) == wanted(DARK)
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert colours(seen.page) == wanted(LIGHT)
    assert len(seen.page.pdf(format="A4")) > 20_000
    seen.page.close()


def test_everything_can_be_reached_by_keyboard(browser: Any, pages: dict[str, str]) -> None:
    """The first stop leads to the content; each stop shows that it has the focus; a fold opens by Enter."""
    seen = watch(browser)
    page = seen.page
    page.goto(pages["plain"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") > 0
    stops = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "() => [document.activeElement.tagName, getComputedStyle(document.activeElement).outlineWidth]"
        )
        stops.add(name)
        assert outline == "3px", name
    assert {"A", "DIV", "SUMMARY"} <= stops
    page.evaluate("document.querySelector('figure summary').focus()")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('figure details').open") is True
    page.close()


@pytest.mark.parametrize("name", ["plain", "hostile"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_scrolls_sideways(
    browser: Any, pages: dict[str, str], name: str, width: int
) -> None:
    """Wide tables and charts scroll in themselves."""
    seen = watch(browser, viewport={"width": width, "height": 800})
    seen.page.goto(pages[name])
    seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.close()


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_is_that_of_wcag_aa(palette: dict[str, str]) -> None:
    """4.5 : 1 for text, on paper, on grey and in the cells of heat maps; 3 : 1 for marks."""
    for text in ("ink", "muted", "series-1"):
        for ground in ("paper", "level-0"):
            assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    for mark in (*SERIES, *STATUSES[1:], "zero"):
        assert contrast(palette[mark], palette["paper"]) >= 3, mark
    for cell in CELLS:
        text = "paper" if cell in DARK_CELLS else "ink"
        assert contrast(palette[text], palette[cell]) >= 4.5, cell
