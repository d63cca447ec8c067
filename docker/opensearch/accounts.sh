#!/bin/sh
# A user for oversight that may do no more than it needs, and the passwords as files that only oversight reads.
set -eu
url=https://node-0.example.com:9200
ask() { # ask METHOD PATH BODY
  printf 'user = "admin:%s"\n' "$OPENSEARCH_PASSWORD" |
    curl --config - --silent --show-error --fail-with-body --retry 30 --retry-delay 2 --retry-all-errors --cacert /opensearch/root-ca.pem \
      --request "$1" --header 'content-type: application/json' --data "$3" "$url/_plugins/_security/api$2"
}
umask 077
[ -s /secrets/oversight.password ] || head -c 32 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' >/secrets/oversight.password
printf '%s' "$OPENSEARCH_PASSWORD" >/secrets/import.password
ask PUT /roles/oversight '{"cluster_permissions":["cluster_monitor","cluster_composite_ops","indices:admin/index_template/*","cluster:admin/component_template/*"],
  "index_permissions":[{"index_patterns":["oversight-*"],"allowed_actions":["create_index","write","read","indices:admin/mapping/put"]}]}'
ask PUT /internalusers/oversight "{\"password\":\"$(cat /secrets/oversight.password)\",\"opendistro_security_roles\":[\"oversight\"]}"
