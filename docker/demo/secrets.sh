#!/bin/bash
# Certificates and passwords of this demo, made once and kept in a volume that no port shows. Runs in Elasticsearch's image.
set -euo pipefail
cd /secrets
[ ! -e complete ] || exit 0
random() { head -c 32 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | head -c 32; }

# it takes relative paths from Elasticsearch's home, wherever it is called
elasticsearch-certutil ca --silent --pem --days 365 --out /secrets/ca.zip
unzip -oq ca.zip
for name in elasticsearch kibana oversight; do
  elasticsearch-certutil cert --silent --pem --days 365 --ca-cert /secrets/ca/ca.crt --ca-key /secrets/ca/ca.key \
    --name "$name" --dns "$name,localhost" --ip 127.0.0.1 --out "/secrets/$name.zip"
  unzip -oq "$name.zip"
  rm "$name.zip"
done
rm ca.zip
for name in elastic kibana ingest; do random >"$name.password"; done

# Elasticsearch and Kibana run as 1000, oversight as 10001, Logstash as 1000; each may read what is its own
chown -R 1000:0 elasticsearch kibana elastic.password kibana.password
chown -R 10001:10001 oversight
chmod 750 elasticsearch kibana oversight
chmod 640 elasticsearch/* kibana/* oversight/*
# Elasticsearch refuses a password file that others may read
chmod 400 elastic.password kibana.password
chown 10001:1000 ingest.password
chmod 440 ingest.password
chmod 755 ca
chmod 644 ca/ca.crt
chmod 600 ca/ca.key
touch complete
