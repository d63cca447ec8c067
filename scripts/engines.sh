#!/usr/bin/env bash
# Puts the search engines that the integration tests run against into the user's cache folder.
# It may be run any number of times; it does nothing when they lie there already.
#
#   scripts/engines.sh        prints one line for each engine: NAME FOLDER, and one for the JDK: java FOLDER
#   OVERSIGHT_CACHE=DIR       where engines are kept (default: the user's cache folder)
#   OVERSIGHT_ENGINES_OFFLINE=1   never fetch: say what is there, fail if something is missing
#   JAVA_HOME, ES_JAVA_HOME   looked at first for a JDK of at least 21
#
# Both come from Maven Central as the projects' own builds for integration tests, so only Maven and a JDK are needed.
set -euo pipefail

elasticsearch=9.2.0
opensearch=3.8.0
cache=${OVERSIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oversight}/engines

say() { printf 'engines: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# the feature release of a JDK (21, 25 …), or 0
release_of() {
  [ -x "$1/bin/java" ] || { echo 0; return; }
  local version
  version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null)
  echo "${version:-0}"
}

find_jdk() {
  local home
  for home in "${JAVA_HOME:-}" "${ES_JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/*; do
    if [ -n "$home" ] && [ "$(release_of "$home")" -ge 21 ]; then echo "$home"; return; fi
  done
  return 1
}

# fetch GROUP ARTIFACT VERSION: the path of the zip in the local Maven repository, fetched if it is not there
fetch() {
  local repository=${MAVEN_REPOSITORY:-$HOME/.m2/repository}
  local zip="$repository/${1//.//}/$2/$3/$2-$3.zip"
  if [ ! -s "$zip" ]; then
    [ -z "${OVERSIGHT_ENGINES_OFFLINE:-}" ] || fail "$2 $3 is not there; run scripts/engines.sh once to fetch it"
    command -v mvn >/dev/null || fail "Maven (mvn) is missing, so $2 $3 cannot be fetched: install Maven, or put the zip at $zip"
    say "fetching $2 $3 (100 MB or more)"
    mvn --quiet --batch-mode dependency:get "-Dartifact=$1:$2:$3:zip" -Dtransitive=false "-Dmaven.repo.local=$repository" >&2 ||
      fail "Maven could not fetch $2 $3"
  fi
  echo "$zip"
}

unpack() { # unpack NAME VERSION GROUP
  local folder=$cache/$1-$2
  if [ ! -e "$folder/.complete" ]; then
    local zip work
    zip=$(fetch "$3" "$1" "$2")
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/unpacking.XXXXXX")
    if command -v unzip >/dev/null; then unzip -q "$zip" -d "$work"; else (cd "$work" && "$java/bin/jar" xf "$zip"); fi
    chmod +x "$work"/*/bin/* 2>/dev/null || true
    touch "$work/$1-$2/.complete"
    # two may unpack at once: the first to finish wins
    rm -rf "$folder.old"
    if [ -e "$folder" ] && [ ! -e "$folder/.complete" ]; then mv "$folder" "$folder.old"; fi
    mv -T "$work/$1-$2" "$folder" 2>/dev/null || [ -e "$folder/.complete" ] || fail "$folder could not be made"
    rm -rf "$work" "$folder.old"
  fi
  printf '%s %s\n' "$1" "$folder"
}

java=$(find_jdk) || fail "no JDK of at least 21 found (looked at JAVA_HOME, ES_JAVA_HOME, /usr/lib/jvm): install one, such as Temurin 25"
printf 'java %s\n' "$java"
unpack elasticsearch "$elasticsearch" org.elasticsearch.distribution.integ-test-zip
unpack opensearch "$opensearch" org.opensearch.distribution.integ-test-zip
