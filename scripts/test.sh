#!/usr/bin/env bash
# All tests: those of the program, and beside them, once everything is built, those of the web page in a browser. What the latter print
# comes at the end. CARGO, TEST_THREADS and BINARY as in the Makefile.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

$cargo test --release --no-run
page=$(mktemp)
# a group of its own, so that it can be ended as a whole
set -m
OVERSIGHT=${BINARY:-$PWD/target/release/oversight} scripts/web.sh test >"$page" 2>&1 &
beside=$!
set +m
trap 'kill -- -"$beside" 2>/dev/null || true; rm -f "$page"' EXIT

program=0
$cargo test --release -- --test-threads="${TEST_THREADS:-4}" || program=$?
browser=0
wait "$beside" || browser=$?
cat "$page"
[ "$program" = 0 ] || { echo "test: tests of the program failed" >&2; exit "$program"; }
[ "$browser" = 0 ] || { echo "test: tests of the web page failed" >&2; exit "$browser"; }
