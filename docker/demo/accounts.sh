#!/bin/bash
# What Elasticsearch has to know before the others start: Kibana's password, and a role and a key for oversight that may
# do no more than it needs. Runs in Elasticsearch's image, any number of times.
set -euo pipefail
url=https://elasticsearch:9200
# It answers before its index of users and keys is ready, and then knows nobody (401, 503): hence the retries.
ask() { # ask METHOD PATH BODY: the answer; fails where it is refused
  printf 'user = "elastic:%s"\n' "$(cat /secrets/elastic.password)" |
    curl --config - --silent --show-error --fail-with-body --retry 30 --retry-delay 2 --retry-all-errors --cacert /secrets/ca/ca.crt \
      --request "$1" --header 'content-type: application/json' --data "$3" "$url$2"
}

ask POST /_security/user/kibana_system/_password "{\"password\":\"$(cat /secrets/kibana.password)\"}"

# the privileges of docs/dashboards.md, and no others
privileges='{"cluster":["monitor","manage_index_templates"],
  "indices":[{"names":["oversight-*"],"privileges":["create_doc","create_index","auto_configure","view_index_metadata","read"]}]}'
if [ ! -s /secrets/oversight.key ]; then
  answer=$(ask POST /_security/api_key "{\"name\":\"oversight\",\"role_descriptors\":{\"oversight\":$privileges}}")
  printf '%s' "$answer" | sed -n 's/.*"encoded":"\([^"]*\)".*/\1/p' >/secrets/oversight.key.new
  [ -s /secrets/oversight.key.new ] || { echo "no key in $answer" >&2; exit 1; }
  chown 10001:10001 /secrets/oversight.key.new
  chmod 400 /secrets/oversight.key.new
  mv /secrets/oversight.key.new /secrets/oversight.key
fi
# for whoever imports the dashboards
install -o 10001 -g 10001 -m 400 /secrets/elastic.password /secrets/import.password
