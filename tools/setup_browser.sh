#!/usr/bin/env bash
# Install Chromium, which the tests of the page alone need, where that is
# possible; elsewhere say what is missing. Never fails.
#
#   bash tools/setup_browser.sh
set -euo pipefail

have() { command -v "$1" >/dev/null; }
here() { have chromium && have chromedriver; }

if ! here && [ "$(id -u)" = 0 ] && have apt-get; then
    echo 'setup: Chromium, for the tests of the page (1 to 5 min)'
    # what is recommended beside it, 116 packages, is for a desktop
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends \
          chromium chromium-driver; } </dev/null >/dev/null 2>&1 || true
fi
here || echo 'setup: no Chromium: the tests of the page will be skipped' \
             '(Debian: chromium chromium-driver)'
