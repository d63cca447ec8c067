"""Sends each line of its input as an event, in chunks of a hundred: MODULE URL."""

import importlib
import itertools
import sys
import time

module, url = sys.argv[1:]
library = importlib.import_module(module)
helpers = importlib.import_module(module + ".helpers")
if module == "elasticsearch":
    client = library.Elasticsearch(url, request_timeout=2)
    failures = (library.ApiError, library.TransportError, helpers.BulkIndexError)
else:
    client = library.OpenSearch(url, timeout=2)
    failures = (library.OpenSearchException,)

events = (
    {"_op_type": "create", "_index": "python", "_id": f"event-{number}", "message": line.rstrip("\n")}
    for number, line in enumerate(sys.stdin)
)
while chunk := list(itertools.islice(events, 100)):
    while True:
        try:
            helpers.bulk(client, chunk, max_retries=5, initial_backoff=0.1, max_backoff=1)
            break
        except failures as failure:
            print(type(failure).__name__, str(failure)[:200], flush=True)
            time.sleep(0.2)
