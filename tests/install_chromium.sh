#!/bin/sh
# Installs the Chromium of the distribution if there is none and we may: tests of pages run in it.
# Where that is not possible they are skipped, so this never fails.

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" > /dev/null; then exit 0; fi
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "no Chromium: tests of pages are skipped; install the package chromium to run them"
  exit 0
fi

install() {
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --quiet --quiet chromium > /dev/null 2>&1
}

echo "installing the package chromium with apt-get (once), for the tests of pages"
install || { apt-get update --quiet --quiet > /dev/null 2>&1 && install; } ||
  echo "no Chromium: it could not be installed, so tests of pages are skipped"
exit 0
