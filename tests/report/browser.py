"""A headless Chromium, where there is one."""
import shutil

import pytest


def start(width=1280, height=900, dark=False):
    """A browser without a network, or a skipped test."""
    selenium = pytest.importorskip(
        'selenium', reason='the page is tested with selenium')
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    driver = shutil.which('chromedriver')
    if not browser or not driver:
        pytest.skip('the page is tested in Chromium (Debian: chromium and '
                    f'chromium-driver); selenium {selenium.__version__}')
    options = Options()
    options.binary_location = browser
    for flag in ('headless=new', 'no-sandbox', 'disable-gpu',
                 'disable-dev-shm-usage', 'no-first-run', 'disable-quic',
                 'disable-background-networking', 'disable-component-update',
                 'disable-sync', 'enable-unsafe-swiftshader',
                 'force-device-scale-factor=1', 'hide-scrollbars',
                 # nothing but the machine itself can be reached
                 'host-resolver-rules=MAP * ~NOTFOUND',
                 *(['force-dark-mode'] if dark else [])):
        options.add_argument(f'--{flag}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    chrome = Chrome(options, Service(driver))
    size(chrome, width, height, dark)
    return chrome


def size(chrome, width, height=900, dark=False):
    """Set the view, narrower than a window can be as well."""
    chrome.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(
        width=width, height=height, deviceScaleFactor=1, mobile=False))
    chrome.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=[dict(
        name='prefers-color-scheme', value='dark' if dark else 'light')]))


def shot(chrome, path):
    """A picture of all of the page."""
    import base64
    area = chrome.execute_cdp_cmd('Page.getLayoutMetrics', {})[
        'cssContentSize']
    image = chrome.execute_cdp_cmd('Page.captureScreenshot', dict(
        captureBeyondViewport=True, clip=dict(area, scale=1)))
    path.write_bytes(base64.b64decode(image['data']))
