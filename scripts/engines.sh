#!/usr/bin/env bash
# Puts the search engines and the Kafka broker that the integration tests run against into the user's cache folder.
# It may be run any number of times; it does nothing when they lie there already.
#
#   scripts/engines.sh        prints one line for each engine: NAME FOLDER, and one for the JDK: java FOLDER
#   OVERSIGHT_CACHE=DIR       where engines are kept (default: the user's cache folder)
#   OVERSIGHT_ENGINES_OFFLINE=1   never fetch: say what is there, fail if something is missing
#   JAVA_HOME, ES_JAVA_HOME   looked at first for a JDK of at least 21
#
# All come from Maven Central, the engines as the projects' own builds for integration tests, so only Maven and a JDK are
# needed.
set -euo pipefail

elasticsearch=9.2.0
opensearch=3.8.0
kafka=4.4.0
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

jars() { # jars VERSION: the broker, as the jars it runs from
  local folder=$cache/kafka-$1
  if [ ! -e "$folder/.complete" ]; then
    [ -z "${OVERSIGHT_ENGINES_OFFLINE:-}" ] || fail "kafka $1 is not there; run scripts/engines.sh once to fetch it"
    command -v mvn >/dev/null || fail "Maven (mvn) is missing, so kafka $1 cannot be fetched: install Maven"
    local work
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetching.XXXXXX")
    # kafka-tools-api is not published, and not needed to run a broker
    cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
 <groupId>oversight</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
 <dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$1</version>
  <exclusions><exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion></exclusions>
 </dependency></dependencies></project>
POM
    say "fetching kafka $1 (43 MB)"
    mvn --quiet --batch-mode --file "$work/pom.xml" dependency:copy-dependencies -DoutputDirectory=libs -DincludeScope=runtime \
      "-Dmaven.repo.local=${MAVEN_REPOSITORY:-$HOME/.m2/repository}" >&2 || fail "Maven could not fetch kafka $1"
    touch "$work/.complete"
    # two may fetch at once: the first to finish wins
    if [ -e "$folder" ] && [ ! -e "$folder/.complete" ]; then rm -rf "$folder"; fi
    mv -T "$work" "$folder" 2>/dev/null || [ -e "$folder/.complete" ] || fail "$folder could not be made"
    rm -rf "$work"
  fi
  printf 'kafka %s\n' "$folder"
}

java=$(find_jdk) || fail "no JDK of at least 21 found (looked at JAVA_HOME, ES_JAVA_HOME, /usr/lib/jvm): install one, such as Temurin 25"
printf 'java %s\n' "$java"
unpack elasticsearch "$elasticsearch" org.elasticsearch.distribution.integ-test-zip
unpack opensearch "$opensearch" org.opensearch.distribution.integ-test-zip
jars "$kafka"
