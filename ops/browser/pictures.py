"""Pictures of three pages for README: python ops/browser/pictures.py FOLDER."""
import os
import sys

from playwright.sync_api import sync_playwright

from served import CHROMIUM, ROOT, Served


def main():
    folder = sys.argv[1]
    programs = os.environ.get("PRA_PROGRAMS", str(ROOT / ".build/debug"))
    with Served(programs) as site, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 760}, color_scheme="light").new_page()
        page.goto(site.address)
        others = ",".join(site.known["others"])
        for name, path in (("run", f"runs/{site.known['run']}"), ("queue", "queue"), ("compare", f"compare?runs={others}")):
            page.goto(site.root + path)
            page.wait_for_timeout(1500)
            page.screenshot(path=f"{folder}/dashboard-{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
