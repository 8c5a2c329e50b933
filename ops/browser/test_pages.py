"""The pages in a real browser: no message of the console, nobody else asked, readable by all, live, and the same by address.

PRA_SCREENSHOTS=FOLDER keeps pictures of every page, to be looked at by whoever changes one."""
import os
import pathlib
import re
import socket
import subprocess

import pytest
from playwright.sync_api import expect
from axe_playwright_python.sync_playwright import Axe


def addresses(site):
    run, others = site.known["run"], ",".join(site.known["others"])
    return {
        "runs": "runs", "run": f"runs/{run}", "queue": "queue", "workers": "workers", "job": f"jobs/{site.known['job']}",
        "log": f"jobs/{site.known['job']}/log", "compare": f"compare?runs={others},{run}",
        "images": f"images?runs={others}&by=run&image=3",
    }


NAMES = ["runs", "run", "queue", "workers", "job", "log", "compare", "images"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_pages_are_readable_by_all(site, open_page, name, theme):
    page = open_page(addresses(site)[name], theme=theme)
    page.wait_for_timeout(300)
    # The rest of the rules do not depend on the theme.
    rules = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if theme == "dark" else {}
    found = Axe().run(page, options=rules).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found] == []
    for width in (390, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways at {width}"
        cut = page.evaluate("[...document.querySelectorAll('.scroll:has(> .stack)')].filter((one) => one.scrollWidth > one.clientWidth)"
                            ".map((one) => one.innerText.slice(0, 80))")
        assert width > 390 or cut == [], f"{name} has tables that are cut at {width}"
        if folder := os.environ.get("PRA_SCREENSHOTS"):
            pathlib.Path(folder).mkdir(exist_ok=True)
            page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png", full_page=True)


def test_without_scripts_every_table_and_chart_is_there(site, open_page):
    page = open_page(addresses(site)["run"], java_script_enabled=False)
    assert page.locator("table.rows").count() > 3
    image = page.locator(".chart img").first
    assert image.evaluate("one => one.complete && one.naturalWidth") > 100


def test_the_loss_grows_without_a_reload(site, open_page):
    page = open_page(addresses(site)["run"])
    chart = page.locator(".first .chart canvas")
    chart.wait_for()
    before = chart.screenshot()
    job = site.known["job"]
    site.server.sql(f"update pra_store.progress set done = 32000 where job_id = {job}")
    site.server.sql(f"""
      update pra_store.metric_rollups set max_value = 3 where job_id = {job} and bucket =
        (select max(bucket) from pra_store.metric_rollups where job_id = {job});
      update pra_store.metric_summaries set points = points + 1, updated_at = clock_timestamp() where job_id = {job};""")
    page.locator(".figures").filter(has_text="32,000").wait_for(timeout=20_000)
    for _ in range(40):
        if chart.screenshot() != before:
            break
        page.wait_for_timeout(200)
    assert chart.screenshot() != before


def test_a_zoom_stays_and_its_address_shows_the_same(site, open_page):
    page = open_page(addresses(site)["run"])
    chart = page.locator(".first .chart canvas")
    chart.wait_for()
    page.wait_for_timeout(400)
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=[0-9]+&to=[0-9]+"))
    page.mouse.move(5, 5)
    page.wait_for_timeout(700)
    zoomed = chart.screenshot()
    page.wait_for_timeout(2500)
    assert chart.screenshot() == zoomed, "new data move no zoomed view"
    other = open_page(page.url.removeprefix(site.root))
    other.locator(".first .chart canvas").wait_for()
    other.wait_for_timeout(900)
    assert other.locator(".first .chart canvas").screenshot() == zoomed
    page.go_back()
    page.wait_for_timeout(700)
    assert "from=" not in page.url and chart.screenshot() != zoomed


def test_a_paused_run_is_resumed_from_the_reasons(site, open_page):
    page = open_page("queue")
    page.get_by_role("button", name=re.compile("resume run")).click()
    expect(page.locator("main")).to_contain_text("pra resume")
    page.get_by_role("button", name=re.compile("resume-run")).click()
    expect(page.locator("main")).to_contain_text("goes on")
    assert site.server.sql("select count(*) from pra.runs where paused_at is not null") == "0"


def test_axes_stand_in_the_address(site, open_page):
    page = open_page(addresses(site)["run"])
    for words, name, axis in (("images seen", "images", "images seen"), ("hours at work", "hours", "hours at work")):
        page.get_by_role("link", name=words).click()
        page.wait_for_url(re.compile(f"x={name}"))
        page.locator(".first .legend .key").wait_for()
        chart = page.locator(".first .chart")
        chart.hover(position={"x": 300, "y": 100})
        expect(page.locator(".first .legend")).to_contain_text(f"at {axis}")
        # By keys: the range follows, in numbers of the axis.
        chart.focus()
        page.keyboard.press("+")
        page.wait_for_url(re.compile("from=[0-9.]+&to=[0-9.]+"))
        page.keyboard.press("0")
        page.wait_for_url(re.compile(f"x={name}$"))


def test_plots_of_comparisons_name_and_open_runs(site, open_page):
    run = site.known["run"]
    page = open_page(f"compare?runs={','.join(site.known['others'])},{run}&across=seed")
    expect(page.locator("svg.plot")).to_have_count(2)
    page.get_by_label("across").select_option("training.lr")
    page.locator("section").filter(has_text="One against another").get_by_role("button", name="show").click()
    page.wait_for_url(re.compile("across=training.lr"))
    expect(page.get_by_label("across")).to_have_value("training.lr")
    other = site.known["others"][0]
    page.locator(f"svg.plot circle >> nth=0").click()
    page.wait_for_url(re.compile(f"runs/({other}|{run})"))


def test_more_than_twenty_curves_are_a_median_and_its_range(site, open_page):
    runs = site.server.sql("select string_agg(run_id::text, ',') from (select run_id from pra.metric_summaries "
                           "where name = 'loss' and last_step < 2000 order by run_id limit 24) as r")
    page = open_page(f"compare?runs={runs}&metrics=loss")
    legend = page.locator(".first .legend").first
    legend.filter(has_text="24 series").wait_for()
    page.locator(".first .chart").first.hover(position={"x": 300, "y": 150})
    legend.locator(".key").wait_for()
    expect(legend.locator(".key")).to_have_count(1)


def test_keys_reach_rows_and_the_filter(site, open_page):
    page = open_page("runs")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "A"
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("lr>0.0015 emoji")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("find="))
    assert page.locator("table.runs tbody tr").count() > 0


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location /a/b/ {{
      proxy_pass http://unix:{folder}/pages.socket:/;
      proxy_set_header Host $host;
      proxy_set_header X-Remote-User ann;
    }}
  }}
}}
"""


@pytest.fixture
def proxied(site, tmp_path):
    """The address of a dashboard on a Unix socket behind nginx at /a/b/."""
    dashboard = subprocess.Popen(
        [site.programs / "pra", "dashboard", "--listen", f"unix:{tmp_path}/pages.socket", "--user-header", "X-Remote-User"],
        env=site.environment, stdout=subprocess.PIPE, text=True)
    assert dashboard.stdout.readline().strip() == f"unix:{tmp_path}/pages.socket"
    assert os.stat(tmp_path / "pages.socket").st_mode & 0o777 == 0o600
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(
        ("user root;" if os.getuid() == 0 else "") + NGINX.format(folder=tmp_path, port=port))
    nginx = subprocess.Popen(["nginx", "-e", f"{tmp_path}/nginx.log", "-c", f"{tmp_path}/nginx.conf"],
                             env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
    try:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            nginx.poll()
        yield f"http://127.0.0.1:{port}/a/b/"
    finally:
        for process in (nginx, dashboard):
            process.kill()
            process.wait()


def test_behind_a_proxy_every_link_stays_below_its_path(site, browser, proxied):
    faults = []
    page = browser.new_context().new_page()
    page.on("console", lambda message: faults.append(message.text))
    page.on("response", lambda reply: reply.status >= 400 and faults.append(f"{reply.status} {reply.url}"))
    page.goto(proxied)
    assert page.url == proxied + "runs"
    for path in ("runs", f"runs/{site.known['run']}", "queue", f"jobs/{site.known['job']}/log"):
        page.goto(proxied + path)
        page.wait_for_timeout(200)
        links = page.evaluate("[...document.querySelectorAll('a, img, link')].map((one) => one.href || one.src)")
        assert links and all(link.startswith(proxied) for link in links), path
    page.context.close()
    assert faults == []
