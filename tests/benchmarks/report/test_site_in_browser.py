"""The site in a real headless Chromium, opened from the disk: filters, values, downloads, phone width, names."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from guided_rl.runtime.files import file_name
from tests.benchmarks.report import small_site

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[browser]'")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed, such as Debian's package chromium"),
]
STORED = Path(__file__).parents[3] / "results" / "site"
PAGES = ("index", "claims", "curves", "sweeps", "methods", "tasks", "paper/one", "method/dai-sac", "task/Ant-v5")
PHONE, DESK = 390, 1280
LIMIT = 1_000_000
UNNAMED = """[...document.querySelectorAll("img, svg, input, select, button, [role=region], .plot, nav")]
  .filter(node => !(node.alt || node.getAttribute("aria-label") || node.labels?.length || node.innerText))
  .map(node => node.outerHTML)"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return small_site.site(small_site.reports(tmp_path_factory.mktemp("site")))


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser, home):
    """Opens a page of the small site; at the end of the test nothing may have gone to the console."""
    contexts, said = [], []

    def opened(path: str, width: int = DESK, folder: Path = home, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(f"{path}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"{path}: {error}"))
        page.goto(f"{(folder / path.partition('#')[0]).as_uri()}{''.join(path.partition('#')[1:])}")
        if page.locator(".viewer").count():
            page.locator(".viewer button").first.wait_for()
            page.locator(".u-over").first.wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def shown(page) -> list[str]:
    return [claim.get_attribute("id") for claim in page.locator(".claim:not([hidden])").all()]


def readout(page) -> dict[str, str]:
    """Mean by line, and under `at` the step."""
    rows = [row.inner_text().split("\t") for row in page.locator(".readout tr").all()]
    return {"at": rows[0][0], **{row[0].strip(): row[1] for row in rows[1:]}}


@pytest.mark.parametrize("width", (PHONE, DESK))
def test_no_page_is_wider_than_the_window(visit, width):
    for name in PAGES:
        page = visit(f"{name}.html", width)
        wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], name


def test_claims_are_filtered_by_paper_verdict_scale_method_and_words(visit):
    page = visit("claims.html")
    assert len(shown(page)) == 6
    page.get_by_label("Paper").select_option("two")
    assert shown(page) == ["two-1", "two-2", "two-3"]
    page.get_by_label("Verdict").select_option("does not hold")
    assert shown(page) == ["two-2"] and page.get_by_role("status").inner_text() == "1 of 6 claims"
    assert "verdict=does+not+hold" in page.url
    page.get_by_label("Scale").select_option("paper")
    assert shown(page) == []
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Method").select_option("dai-sac")
    page.get_by_label("Task").select_option("Ant-v5")
    assert len(shown(page)) == 4
    page.get_by_label("Words").fill("5,000%")
    assert shown(page) == []
    page.get_by_label("Words").fill("<5000%>")
    assert shown(page) == ["one-2", "two-2"]


def test_a_square_of_the_front_page_leads_to_its_unfolded_claim(visit):
    page = visit("index.html")
    page.get_by_role("link", name="one/2: does not hold").click()
    claim = page.locator("#one-2")
    assert claim.evaluate("node => node.open") and claim.get_by_text("Value [95 % interval]").is_visible()
    assert page.evaluate("document.activeElement.closest('.claim').id") == "one-2"


def test_a_claim_is_unfolded_by_the_keyboard(visit):
    page = visit("claims.html")
    page.locator("#one-1 summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#one-1").get_by_text("guided-rl table one --preset cpu").is_visible()


def test_the_pointer_and_the_arrow_keys_read_values(visit):
    page = visit("curves.html#table=one/cpu&task=Ant-v5")
    last = {"sac": f"{small_site.mean_at('sac', 9):.0f}", "dai-sac": f"{small_site.mean_at('dai-sac', 9):.0f}"}
    assert readout(page) == {"at": "At 10k steps", **last}
    over = page.locator(".u-over").bounding_box()
    page.mouse.move(over["x"] + 1, over["y"] + over["height"] / 2)
    first = {"sac": f"{small_site.mean_at('sac', 0):.1f}", "dai-sac": f"{small_site.mean_at('dai-sac', 0):.1f}"}
    assert readout(page) == {"at": "At 1k steps", **first}
    page.locator(".plot").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert readout(page)["at"] == "At 9k steps"
    assert "dai-sac 275" in page.locator(".panel [role=status]").inner_text()


def test_executed_and_normalised_are_switched(visit, home):
    page = visit("curves.html#table=one/cpu&task=Hopper-v5")
    page.get_by_label("executed").check()
    executed = small_site.mean_at("dai-sac", 9, "mixture")
    assert readout(page)["dai-sac, mixture"] == f"{executed:.0f}" and "sac" in readout(page)
    page.get_by_label("both").check()
    assert {"sac", "dai-sac", "dai-sac, mixture"} < set(readout(page))
    page.get_by_label("normalised").check()
    scale = small_site.data(home, "curves/one/cpu/Hopper-v5")["scale"]
    assert scale["normalises"]
    expected = 100 * (executed - scale["floor"]) / (scale["expert"] - scale["floor"])
    assert float(readout(page)["dai-sac, mixture"].replace("−", "-")) == pytest.approx(expected, abs=0.06)


def test_methods_and_tasks_are_chosen_and_stay_in_the_address(visit):
    page = visit("curves.html#table=two/cpu&task=Ant-v5")
    page.get_by_label("sac", exact=True).uncheck()
    assert set(readout(page)) == {"at", "dai-sac"} and page.url.endswith("methods=dai-sac")
    page.get_by_label("Task").select_option("*")
    page.locator(".panel").nth(1).wait_for()
    assert [title.inner_text() for title in page.locator(".panel h3").all()] == ["Ant-v5: return", "Hopper-v5: return"]


def test_csv_has_every_seed_and_png_is_a_picture(visit, tmp_path):
    page = visit("curves.html#table=one/cpu&task=Ant-v5&methods=dai-sac")
    saved = {}
    for kind in ("CSV", "PNG"):
        with page.expect_download() as started:
            page.get_by_role("button", name=f"Download {kind}").click()
        saved[kind] = tmp_path / started.value.suggested_filename
        started.value.save_as(saved[kind])
    assert saved["CSV"].name == "one-cpu-Ant-v5-return.csv"
    with saved["CSV"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    seeds = {row["seed"] for row in rows}
    assert seeds == {*map(str, small_site.SEEDS), "mean"} and len(rows) == len(seeds) * small_site.EVALUATIONS
    last = next(row for row in rows if row["seed"] == "3" and row["step"] == "10000")
    assert (last["method"], last["policy"], float(last["value"])) == ("dai-sac", "policy", 303.0)
    assert saved["PNG"].read_bytes().startswith(b"\x89PNG") and saved["PNG"].stat().st_size > 5_000


def test_a_table_is_taken_along_as_csv(visit, tmp_path):
    page = visit("paper/one.html")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download as CSV: one, preset cpu: where every method ended").click()
    started.value.save_as(tmp_path / "table.csv")
    assert started.value.suggested_filename == "one-cpu-overview.csv"
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Method", "Ant-v5", "Hopper-v5"] and rows[1][0] == "sac"


def test_everything_that_is_shown_has_a_name_and_curves_have_a_table(visit):
    for name in PAGES:
        page = visit(f"{name}.html")
        assert page.evaluate(UNNAMED) == [], name
        assert page.evaluate("document.querySelectorAll('h1').length") == 1 and page.title()
    page = visit("curves.html#table=one/cpu&task=Ant-v5")
    page.get_by_text("Values as a table").click()
    table = page.get_by_role("region", name="Values as a table").inner_text()
    assert f"{small_site.mean_at('sac', 4):.1f}" in table


def test_figures_wait_until_they_are_asked_for(visit):
    page = visit("paper/one.html")
    loaded = []
    page.on("request", lambda request: loaded.append(request.url))
    page.get_by_text("Figures (").click()
    image = page.locator(".figures img").first
    image.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.figures img').naturalWidth > 0")
    assert any(url.endswith(".svg") for url in loaded)


def test_dark_pages_are_dark_and_paper_has_no_switches(visit):
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, v) => sum + +v, 0)"
    assert visit("index.html", color_scheme="dark").evaluate(brightness) < 150
    page = visit("claims.html", color_scheme="light")
    assert page.evaluate(brightness) > 700
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()


@pytest.mark.parametrize("name", ("index.html", "claims.html", "curves.html", "paper/pex.html"))
def test_the_first_load_of_a_stored_page_is_small(browser, name):
    if not (STORED / name).exists():
        pytest.skip("the site was not made yet")
    page, loaded = browser.new_page(viewport={"width": DESK, "height": 900}), set()
    page.on("request", lambda request: loaded.add(request.url))
    page.goto((STORED / name).as_uri())
    page.wait_for_timeout(500)
    files = [Path(url.removeprefix("file://")) for url in loaded if url.startswith("file://")]
    assert files and sum(file.stat().st_size for file in files) < LIMIT
    page.close()


def test_every_stored_task_has_a_page():
    tasks = {path.stem for path in (STORED / "task").glob("*.html")}
    curves = {path.stem for path in (STORED / "data" / "curves").rglob("*.js")}
    assert curves <= tasks and file_name("Hopper-v5/medium") == "Hopper-v5_medium"
