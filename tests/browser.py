"""One headless browser for all tests of pages, and of what a page can reach from one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

# A name that an attacker owns and has let resolve to this machine.
REBOUND_HOST = "rebound.example"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; what needs one is left out where there is none."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with chromedriver on this machine: apt install chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    resolver = f"--host-resolver-rules=MAP {REBOUND_HOST} 127.0.0.1"
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,1000", resolver):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


def until(browser: Any, script: str, seconds: float = 30) -> Any:
    """Wait until a script gives something true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := browser.execute_script(script):
            return value
        time.sleep(0.05)
    raise AssertionError(f"it did not become true in time: {script}")
