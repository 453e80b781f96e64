"""Take the screenshot of the README again, while `make demo` runs: python docs/images/pages.py http://127.0.0.1:5000

The address is the one that the demo prints for its pages.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser import chromium

PICTURE = Path(__file__).with_suffix(".png")


def take(address: str) -> None:
    """Open the list of views in a browser and save what it shows."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(f"{address.rstrip('/')}/views/")
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    take(sys.argv[1])
