#!/usr/bin/env bash
# Builds the web page into web/dist/page, from where cargo takes it into the program; `scripts/web.sh test` runs its tests.
# Without Node it says so and leaves the page out: everything else is built and tested all the same.
set -euo pipefail
cd "$(dirname "$0")/../web"

skip() {
  echo "web: SKIPPED: $1" >&2
  if [ -n "${OVERSIGHT_REQUIRE_ALL:-}" ]; then exit 1; fi
  exit 0
}

command -v node >/dev/null && command -v npm >/dev/null || skip "no Node, so the web page is left out"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  skip "Node is older than 20.19, so the web page is left out"

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-fund --no-audit --loglevel=error || skip "what the web page is made of cannot be fetched"
fi

page=dist/page/index.html
if [ ! -e "$page" ] || [ -n "$(find src public index.html package-lock.json vite.config.ts -newer "$page" -print -quit)" ]; then
  npm run --silent build
  # a copied file may be older than what it was made from
  touch "$page"
fi

if [ "${1:-}" = test ]; then
  npm run --silent test
  npm run --silent browser
fi
