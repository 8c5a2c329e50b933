"""What people do on the pages, from the first address to the last: with real trainings, workers that are killed, and
deeds on many jobs."""
import os
import random
import re
import signal
import struct
import subprocess
import time
import zlib

import pytest
from playwright.sync_api import expect

from conftest import PROGRAMS
from served import Served

RUN_FILE = """
name: watched
data: {{source: {folder}/pictures}}
config:
  preset: nano
  training: {{total: 100000, batch: 2, warmup: 1, checkpoint_every: 20}}
"""


DRAWN_FILE = """
name: drawn
data: {{source: {folder}/pictures}}
config:
  preset: nano
  training: {{total: 3, batch: 2, warmup: 1}}
  sampling: {{steps: 2}}
sample: {{count: 12}}
evaluate: false
"""


def write_pictures(folder):
    """Two classes of six pictures of 32 x 32 each; returns their pixels in the order of a data set."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    noise = random.Random(0)
    pixels = []
    for name in ("dark", "light"):
        (folder / name).mkdir(parents=True)
        for number in range(6):
            lines = [noise.randbytes(96) for _ in range(32)]
            pixels.append(b"".join(lines))
            rows = b"".join(b"\0" + line for line in lines)
            (folder / name / f"{number}.png").write_bytes(
                b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return pixels


class Lived:
    """A dashboard over a database in which workers train."""

    def __init__(self, site, folder):
        self.site, self.folder, self.workers = site, folder, []

    def pra(self, *words):
        return subprocess.run([self.site.programs / "pra", *words], env=self.site.environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def worker(self, name, kinds=("ingest", "train")):
        self.workers.append(subprocess.Popen(
            [self.site.programs / "pra", "worker", "--name", name, "--threads", "1", "--lease", "6", "--beat", "1",
             "--label", f"host={name}", *(word for kind in kinds for word in ("--kind", kind))],
            env=self.site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))
        return self.workers[-1]

    def end(self):
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def lived(tmp_path):
    with Served(PROGRAMS, runs=20, each=1, steps=300) as site:
        world = Lived(site, tmp_path)
        try:
            yield world
        finally:
            world.end()


def until(page, what, seconds=90):
    """The first value that is not false, looked for again and again while the page lives."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"in {seconds} s there was nothing: {page.locator('main').inner_text()[:900]}"
        page.wait_for_timeout(100)
    return found


def step_of(page):
    """The step in the headline, or 0."""
    found = re.search(r"step ([0-9,]+) of", page.locator("[data-live=head]").inner_text())
    return int(found[1].replace(",", "")) if found else 0


def test_a_training_is_watched_loses_its_machine_and_goes_on(lived, browser):
    write_pictures(lived.folder / "pictures")
    (lived.folder / "run.yaml").write_text(RUN_FILE.format(folder=lived.folder))
    run = lived.pra("run", str(lived.folder / "run.yaml")).split()[-1]
    first = lived.worker("first")
    faults = []

    def opened(path):
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.goto(lived.site.address)
        page.goto(lived.site.root + path)
        return page

    page = opened(f"runs/{run}")
    # The page was opened before there was a curve: it shows one without a reload.
    until(page, lambda: step_of(page) > 60)
    page.reload()
    chart = page.locator(".first .chart canvas")
    chart.wait_for()
    page.evaluate("window.kept = true")
    before = step_of(page)
    until(page, lambda: step_of(page) > before + 20)
    picture = chart.screenshot()
    until(page, lambda: chart.screenshot() != picture)

    # A zoom into what is there stays as it is while more comes.
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=[0-9]+&to=[0-9]+"))
    page.mouse.move(5, 5)
    page.wait_for_timeout(1500)
    zoomed, before = chart.screenshot(), step_of(page)
    until(page, lambda: step_of(page) > before + 40)
    assert chart.screenshot() == zoomed
    other = opened(page.url.removeprefix(lived.site.root))
    other.locator(".first .legend .key").wait_for()
    until(other, lambda: other.locator(".first .chart canvas").screenshot() == zoomed, 10)
    other.context.close()

    # The worker and its stage are gone at once, as with a machine that lost its power.
    stages = subprocess.run(["pgrep", "-P", str(first.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
    for process in [first.pid, *map(int, stages)]:
        os.kill(process, signal.SIGKILL)
    first.wait()
    until(page, lambda: "no beat" in page.locator("[data-live=head]").inner_text(), 20)
    lived.worker("second")
    until(page, lambda: re.search(r"attempt 2 on second.*went on from step [0-9,]+ after a lost machine",
                                  page.locator("[data-live=head]").inner_text(), re.S))
    page.get_by_role("link", name="all", exact=True).click()
    until(page, lambda: re.search(r"step [0-9,]+: attempt 2 on second, after lost on first",
                                  page.locator(".first .legend").inner_text()))
    assert faults == []
    page.context.close()


def test_one_slider_is_for_the_rows_of_both_runs(site, open_page):
    others = ",".join(site.known["others"])
    page = open_page(f"images?runs={others}&by=run")
    page.evaluate("window.kept = true")
    # Two rows, of steps 30,000 at first.
    # Further ones come as one scrolls.
    rows = page.locator("#rows table.images").first
    sheets = rows.locator("img.sheet")
    expect(sheets).to_have_count(2)
    last = [sheets.nth(k).get_attribute("src") for k in range(2)]
    slider = page.locator("form.pick input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_url(re.compile("at=15000"))
    until(page, lambda: all(sheets.nth(k).get_attribute("src") != last[k] for k in range(2)), 5)
    assert rows.inner_text().count("step 15,000") == 2
    assert page.evaluate("window.kept"), "without a reload"
    until(page, lambda: sheets.first.evaluate("one => one.complete && one.naturalWidth > 500"), 5)
    # A click on an image shows its number large, in both rows.
    box = sheets.first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 5.5 / 12, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile("image=5"))
    expect(page.locator("#large img.big")).to_have_count(2)
    until(page, lambda: page.locator("#large img.big").first.evaluate("one => one.complete && one.naturalWidth") > 250, 5)


#: The pixels of an image of the page as the browser drew it, of which each stands `scale` times in a row.
PIXELS = """(image, [left, scale]) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  drawing.drawImage(image, 0, 0);
  const top = Math.floor((image.naturalHeight - 32 * scale) / 2);
  const pixels = drawing.getImageData(left, top, 32 * scale, 32 * scale).data;
  const found = [];
  for (let y = 0; y < 32; y++) for (let x = 0; x < 32; x++) {
    const at = (y * 32 * scale + x) * scale * 4;
    found.push(...pixels.slice(at, at + 3));
  }
  return found;
}"""


def distance(a, b):
    """Of two images of 32 x 32: the root of the mean squared difference of means over 2 x 2 pixels, rounded."""
    def cells(image):
        return [(sum(image[((2 * y + j) * 32 + 2 * x + i) * 3 + c] for i in (0, 1) for j in (0, 1)) + 2) // 4
                for y in range(16) for x in range(16) for c in range(3)]
    return (sum((p - q) ** 2 for p, q in zip(cells(a), cells(b))) / 768) ** 0.5


def test_a_drawn_image_stands_beside_its_nearest_training_images(lived, browser):
    training = write_pictures(lived.folder / "pictures")
    (lived.folder / "run.yaml").write_text(DRAWN_FILE.format(folder=lived.folder))
    run = lived.pra("run", str(lived.folder / "run.yaml")).split()[-1]
    lived.worker("drawing", ("ingest", "train", "sample", "neighbours"))
    lived.pra("watch", run)
    faults = []
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("console", lambda message: faults.append(message.text))
    page.goto(lived.site.address)
    page.goto(f"{lived.site.root}images?runs={run}&image=2")
    expect(page.locator("#large")).to_contain_text(f"pra neighbours {run}")
    lived.pra("neighbours", run, "--wait")
    # The page that is open shows them by itself.
    page.locator("#large img.near").first.wait_for()
    page.goto(f"{lived.site.root}images?runs={run}")
    sheet = page.locator("#rows img.sheet").first
    until(page, lambda: sheet.evaluate("one => one.complete && one.naturalWidth"), 20)
    box = sheet.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 2.5 / 12, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile("image=2"))
    large, near = page.locator("#large img.big"), page.locator("#large img.near")
    for image in (large, near):
        until(page, lambda image=image: image.evaluate("one => one.complete && one.naturalWidth"), 20)

    wide = large.evaluate("one => one.naturalWidth")
    drawn = large.evaluate(PIXELS, [wide % 32 // 2, wide // 32])
    words = page.locator("#large .legend").inner_text()
    named = [(int(image), float(far)) for image, far in re.findall(r"([0-9]+) \(([0-9.]+)\)", words)]
    expected = sorted((distance(drawn, one), number) for number, one in enumerate(training))[:len(named)]
    assert len(named) > 2
    assert [image for image, _ in named] == [image for _, image in expected]
    assert all(abs(far - wanted) < 0.06 for (_, far), (wanted, _) in zip(named, expected))
    assert "no near-duplicate" in words
    # And the pictures are those of these numbers.
    for place, (image, _) in enumerate(named):
        assert bytes(near.evaluate(PIXELS, [1 + place * 129, 4])) == training[image]
    assert faults == []
    page.context.close()


def test_three_hundred_jobs_are_cancelled_by_a_filter(site, open_page):
    run = site.server.sql("select pra.create_run(name => 'many')")
    site.server.sql(f"select pra.enqueue(kind => 'sample', run => {run}, arguments => '{{}}') from generate_series(1, 300)")
    page = open_page("queue")
    page.get_by_label("jobs").fill(f"run={run} kind=sample")
    page.get_by_role("button", name="cancel them").click()
    words = page.locator("main").inner_text()
    assert "300 jobs" in words and "pra cancel" in words
    assert site.server.sql(f"select count(*) from pra.jobs where run_id = {run} and state = 'cancelled'") == "0"
    page.get_by_role("button", name=re.compile("cancel-jobs")).click()
    expect(page.locator("main")).to_contain_text("300 of 300 jobs were cancelled")
    assert site.server.sql(f"select count(*) from pra.jobs where run_id = {run} and state = 'cancelled'") == "300"


def test_a_job_gets_another_priority(site, open_page):
    run = site.server.sql("select pra.create_run(name => 'urgent')")
    job = site.server.sql(f"select pra.enqueue(kind => 'sample', run => {run}, arguments => '{{}}')")
    page = open_page(f"jobs/{job}")
    page.get_by_label("priority").fill("-3")
    page.get_by_role("button", name="set", exact=True).click()
    expect(page.locator("main")).to_contain_text(f"pra priority {job} --to -3")
    page.get_by_role("button", name=re.compile("set-priority")).click()
    expect(page.locator("main")).to_contain_text(f"job {job} has priority -3")
    assert site.server.sql(f"select priority from pra.jobs where id = {job}") == "-3"


HOSTILE = "</title><script>window.hacked=1</script><img src=x onerror=\"window.hacked=1\">'\"`${hacked}\u202egnp.exe"


def test_names_labels_and_logs_run_nothing(site, open_page):
    text = HOSTILE.replace("'", "''")
    job = site.known["job"]
    site.server.sql(f"""
      update pra_store.runs set name = '{text}', note = '{text}', tags = array['{text}'] where id = {site.known['others'][0]};
      update pra_store.workers set labels = jsonb_build_object('{text}', '{text}'), version = '{text}' where name = 'a5';
      update pra_store.jobs set message = '{text}' where id = {job};""")
    try:
        other, page = site.known["others"][0], open_page("runs")
        for path in ("runs", f"runs/{other}", f"runs/{site.known['run']}", "workers", f"jobs/{job}", f"compare?runs={other},{site.known['run']}",
                     f"images?runs={other}", "runs?find=" + HOSTILE.replace("&", "")):
            page.goto(site.root + path)
            page.wait_for_timeout(300)
            assert page.evaluate("window.hacked") is None, path
            assert "\u202e" not in page.content(), path
    finally:
        site.server.sql(f"""
          update pra_store.runs set name = 'emoji-5', note = null, tags = '{{}}' where id = {site.known['others'][0]};
          update pra_store.workers set labels = '{{"host": "a5"}}', version = '0.2.0' where name = 'a5';
          update pra_store.jobs set message = null where id = {job};""")
