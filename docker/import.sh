#!/bin/sh
# Imports the dashboards, again at every start: an import replaces what it brought before.
#   DASHBOARDS_URL   Kibana or OpenSearch Dashboards, with /s/SPACE behind it for a space
#   DASHBOARDS_USER, DASHBOARDS_PASSWORD_FILE
#   DASHBOARDS_CA    PEM file of the authority; without it, the system's
#   DASHBOARDS_FILE  what is imported; /usr/share/oversight/oversight.ndjson unless set
#   DASHBOARDS_SHOWN the address that a person opens, if it is another
set -eu
file=${DASHBOARDS_FILE:-/usr/share/oversight/oversight.ndjson}
password=$(cat "$DASHBOARDS_PASSWORD_FILE")
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The password by standard input, for arguments are seen by everybody on the machine. Each product knows its own header
# and minds no other.
status=$(printf 'user = "%s:%s"\n' "$DASHBOARDS_USER" "$password" |
  curl --config - --silent --show-error --max-time 120 --retry 30 --retry-delay 2 --retry-all-errors \
    ${DASHBOARDS_CA:+--cacert "$DASHBOARDS_CA"} \
    --header 'kbn-xsrf: true' --header 'osd-xsrf: true' --form "file=@$file" \
    --output "$answer" --write-out '%{http_code}' \
    "$DASHBOARDS_URL/api/saved_objects/_import?overwrite=true")
if [ "$status" != 200 ] || ! grep -q '"success":true' "$answer"; then
  echo "the dashboards were not imported: HTTP $status $(cat "$answer")" >&2
  exit 1
fi
echo "The dashboards are at ${DASHBOARDS_SHOWN:-$DASHBOARDS_URL}/app/dashboards#/view/oversight-overview (user $DASHBOARDS_USER)"
