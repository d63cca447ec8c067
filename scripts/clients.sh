#!/usr/bin/env bash
# Finds a shipper that the integration tests run, or puts it into the user's cache folder, and prints where it is.
#
#   scripts/clients.sh rsyslog               the program; needs the packages rsyslog and rsyslog-elasticsearch
#   scripts/clients.sh syslog-ng             a folder with Debian's packages unpacked (its package conflicts with rsyslog's)
#   scripts/clients.sh python NAME PACKAGE…  the interpreter of a virtual environment with these packages from PyPI
#   scripts/clients.sh telegraf              the program, built with Go from its modules with the few plugins needed here
#   OVERSIGHT_CACHE=DIR                      where they are kept (default: the user's cache folder)
set -euo pipefail

cache=${OVERSIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oversight}/clients

fail() { printf 'clients: %s\n' "$*" >&2; exit 1; }

# settle WORK PLACE: two may make the same thing at once; the first to finish wins
settle() {
  touch "$1/.complete"
  mv -T "$1" "$2" 2>/dev/null || rm -rf "$1"
  [ -e "$2/.complete" ] || fail "$2 is there and not complete; delete it"
}

rsyslog() {
  local program
  program=$(PATH=$PATH:/usr/sbin command -v rsyslogd) || fail "rsyslogd is missing: apt-get install rsyslog rsyslog-elasticsearch"
  ls /usr/lib/*/rsyslog/omelasticsearch.so >/dev/null 2>&1 || fail "omelasticsearch is missing: apt-get install rsyslog-elasticsearch"
  echo "$program"
}

syslog_ng() {
  local place=$cache/syslog-ng work package
  if [ ! -e "$place/.complete" ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || fail "syslog-ng can only be fetched where apt-get and dpkg are"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetching.XXXXXX")
    download() { (cd "$work" && apt-get download -qq syslog-ng-core syslog-ng-mod-http libivykis0 libpcre3 libnet1 libwrap0 >&2); }
    # a fresh machine may have no lists of packages yet
    download || { apt-get update -qq >&2 && download; } ||
      fail "apt-get could not download syslog-ng"
    for package in "$work"/*.deb; do dpkg -x "$package" "$work"; rm "$package"; done
    settle "$work" "$place"
  fi
  echo "$place"
}

# A virtual environment cannot be moved into place, so whoever comes second waits.
python() { # python NAME PACKAGE…
  local place=$cache/python-$1
  shift
  mkdir -p "$cache"
  exec 9>"$place.lock"
  flock 9
  if [ ! -e "$place/.complete" ]; then
    rm -rf "$place"
    python3 -m venv "$place" >&2 || fail "python3 cannot make virtual environments (package python3-venv)"
    "$place/bin/pip" --quiet --disable-pip-version-check install "$@" >&2 || fail "pip could not install $*"
    touch "$place/.complete"
  fi
  echo "$place/bin/python"
}

telegraf() {
  local place=$cache/telegraf-1.37.2 work
  if [ ! -e "$place/.complete" ]; then
    command -v go >/dev/null || fail "telegraf is built with Go, which is missing"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetching.XXXXXX")
    # all plugins together need modules that the checksum data base does not know
    GOBIN=$work go install -tags custom,inputs.socket_listener,outputs.elasticsearch,parsers.value \
      github.com/influxdata/telegraf/cmd/telegraf@v1.37.2 >&2 || fail "go could not build telegraf"
    settle "$work" "$place"
  fi
  echo "$place/telegraf"
}

case "${1:-}" in
  rsyslog) rsyslog ;;
  syslog-ng) syslog_ng ;;
  telegraf) telegraf ;;
  python) shift; python "$@" ;;
  *) fail "which one? rsyslog, syslog-ng, telegraf or python" ;;
esac
