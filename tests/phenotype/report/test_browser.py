"""The report in a real browser: what it loads, what a click does, what a screen reader and a printer get.

Skipped where Playwright or Chromium is missing; ``make test`` installs both where it can.
"""

import shutil
from contextlib import contextmanager

import pytest

from phenotype.report import build_report

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESKTOP, LAPTOP, PHONE = (1440, 1024, 390)
HOSTILE = {
    0: "<script>window.hit = 1</script>",
    1: '"><img src=x onerror="window.hit = 1">',
    2: "'=cmd|'/C calc'!A0",
    3: "pt\u202e04",
    4: "javascript:window.hit=1",
    5: "</title></style></script><svg onload=window.hit=1>",
}


@pytest.fixture(scope="module")
def browser():
    """Return one Chromium for all tests."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@contextmanager
def opened(browser, folder, *, width=DESKTOP, **options):
    """Open a report; yield the page and everything it asked for or complained about."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page, seen = context.new_page(), {"requests": [], "complaints": []}
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.on("console", lambda message: seen["complaints"].append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: seen["complaints"].append(str(error)))
    page.goto((folder / "report.html").as_uri())
    yield page, seen
    context.close()


def until(page, expression):
    """Wait until an expression holds; the page's own policy forbids Playwright's way, which evaluates text."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def open_all(page):
    """Open every part that is closed and wait for its pictures."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    until(page, "[...document.querySelectorAll('img.later')].every((image) => image.naturalWidth > 0)")


@pytest.mark.parametrize("width", [DESKTOP, LAPTOP, PHONE])
def test_nothing_is_fetched_and_nothing_complains(browser, built, width):
    """It opens from a mail attachment, on a machine without a network; and it fits the screen."""
    with opened(browser, built, width=width) as (page, seen):
        open_all(page)

        assert seen["complaints"] == []
        assert [url for url in seen["requests"] if not url.startswith(("file:", "data:", "blob:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_picture_is_seen(browser, built):
    """A picture that cannot be decoded is a hole where evidence should be."""
    with opened(browser, built) as (page, _):
        open_all(page)
        page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
        until(page, "[...document.images].every((image) => image.complete && image.naturalWidth > 0)")

        assert page.evaluate("document.images.length") >= 6


def test_a_table_is_sorted_by_a_click(browser, built):
    """Up, then down; numbers as numbers, although they are shown with a sign for thousands or percent."""
    with opened(browser, built) as (page, _):
        table = page.locator("#product-table")
        head = table.locator("thead th", has_text="Naive")
        head.locator("button").click()
        up = table.locator("tbody tr td:nth-child(5)").evaluate_all("cells => cells.map((c) => +c.dataset.sort)")
        head.locator("button").click()
        down = table.locator("tbody tr td:nth-child(5)").evaluate_all("cells => cells.map((c) => +c.dataset.sort)")

        assert up == sorted(up)
        assert down == sorted(up, reverse=True)
        assert up[0] != up[-1]
        assert head.get_attribute("aria-sort") == "descending"


def test_a_sample_is_found_by_typing(browser, built):
    """Of hundreds of rows the few that are meant; how many is said aloud."""
    with opened(browser, built) as (page, _):
        page.get_by_label("Show rows that contain").fill("p00")

        assert page.locator("#product-table tbody tr:visible").count() == 9
        assert page.locator("#product-shown").inner_text() == "9 of 20 shown"


def test_a_dot_leads_to_the_gates_of_its_patient(browser, built):
    """From a patient in a figure to the events behind: one click."""
    with opened(browser, built) as (page, _):
        dot = page.locator("svg.dots a", has=page.locator("title", has_text="P002: naive")).first
        dot.scroll_into_view_if_needed()
        dot.locator("circle").click()
        until(page, "document.querySelector('#gating-2 img.later').naturalWidth > 0")

        assert page.url.endswith("#gating-2")
        assert page.locator("#gating-2").evaluate("part => part.open")
        assert page.locator("#gating-2 summary").inner_text().startswith("P002_product")


def test_dots_lie_on_the_dots(browser, built):
    """A link beside its dot would lead to another patient: what lies under each link is the colour of a mark."""
    with opened(browser, built) as (page, _):
        image = page.locator("figure img[alt^='For each of four contrasts']")
        image.scroll_into_view_if_needed()
        found = page.evaluate(
            """async () => {
              const image = document.querySelector("figure img[alt^='For each of four contrasts']");
              await image.decode();
              const canvas = document.createElement("canvas");
              const links = image.parentElement.querySelector("svg");
              const [, , across, up] = links.getAttribute("viewBox").split(" ").map(Number);
              canvas.width = 2 * across; canvas.height = 2 * up;
              const context = canvas.getContext("2d");
              context.drawImage(image, 0, 0, canvas.width, canvas.height);
              return [...links.querySelectorAll("circle")].map((circle) => {
                const [x, y] = ["cx", "cy"].map((name) => 2 * circle.getAttribute(name));
                const part = context.getImageData(x - 4, y - 4, 8, 8).data;
                let darkest = 255;
                for (let i = 0; i < part.length; i += 4) darkest = Math.min(darkest, part[i + 1]);
                return darkest;
              });
            }"""
        )

        assert len(found) == 24  # two patients without ASCT have panels: three contrasts of four subsets each
        assert max(found) < 130  # the edge of a mark is nearly black; a bar alone is 180 and more


def test_a_contact_sheet_leads_to_the_gates_of_a_sample(browser, built):
    """The odd one on the sheet is looked at next."""
    with opened(browser, built) as (page, _):
        part = page.locator("#gating ~ details").first
        part.locator("summary").click()
        link = part.locator("svg.dots a").first
        name, wanted = link.locator("title").text_content(), link.get_attribute("href")
        link.locator("rect").click()

        assert page.locator(wanted).evaluate("part => part.open")
        assert page.locator(f"{wanted} summary").inner_text().startswith(name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(browser, built, scheme):
    """Contrast, names, order: what axe-core finds in either scheme, with every part open."""
    with opened(browser, built, color_scheme=scheme) as (page, _):
        open_all(page)
        found = axe.Axe().run(page).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}] == []


def test_it_prints(browser, built):
    """On paper there is no menu, no search, no sticky bar, and no table runs off the sheet."""
    with opened(browser, built, width=720) as (page, _):
        page.emulate_media(media="print")
        wide = page.evaluate(
            "[...document.querySelectorAll('table, figure img')].filter((part) => part.offsetParent"
            " && part.getBoundingClientRect().right > innerWidth + 1).map((part) => part.outerHTML.slice(0, 90))"
        )

        assert not page.locator("nav").is_visible()
        assert not page.locator(".search").first.is_visible()
        assert wide == []
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_a_script_everything_but_packed_pictures_is_there(browser, built):
    """Some mail programs run none: tables and figures stay, and where the rest is, is said."""
    with opened(browser, built, java_script_enabled=False) as (page, _):
        assert page.locator("#product-table tbody tr").count() == 20
        assert "unpacking it needs JavaScript" in page.locator("noscript").first.text_content()


def test_hostile_names_do_nothing(browser, make_results):
    """Names come from files: none runs, none is loaded, none makes an element."""
    folder = make_results(names=HOSTILE, study={"name": "<img src=x onerror=window.hit=1>"}, panels=6)
    build_report(folder)
    with opened(browser, folder) as (page, seen):
        open_all(page)

        assert page.evaluate("window.hit") is None
        assert [url for url in seen["requests"] if not url.startswith(("file:", "data:", "blob:"))] == []
        assert page.evaluate("document.querySelectorAll('img[src=x], svg[onload], [onerror]').length") == 0
        assert page.locator("h1").inner_text() == "<img src=x onerror=window.hit=1>"
