# The commands of this project; `make` alone lists them.
CARGO ?= cargo
DEMO_ARGS ?=
BENCH_ARGS ?=
# most tests wait for an engine, a disk or a clock
TEST_THREADS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))
BINARY ?= $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/release/oversight

.PHONY: help demo test lint bench build deb web libtorch engines fuzz train clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | column -t -s :

demo: libtorch web ## build, start, send itself traffic with attacks, and show what was found (DEMO_ARGS=--once ends by itself)
	$(CARGO) build --release --bin oversight
	$(CARGO) run --release --quiet --bin oversight -- demo $(DEMO_ARGS)

test: libtorch engines web ## all tests, with a real Elasticsearch, OpenSearch and Kafka where a JDK (21 or newer) and Maven exist
	CARGO="$(CARGO)" BINARY="$(BINARY)" TEST_THREADS=$(TEST_THREADS) scripts/test.sh

build: libtorch web ## the release binary, target/release/oversight
	$(CARGO) build --release

lint: libtorch web ## formatting and clippy
	$(CARGO) fmt --check
	$(CARGO) clippy --release --all-targets -- -D warnings

bench: libtorch web ## throughput, latency, memory and the floors they are measured against, from one run
	$(CARGO) build --release --bin oversight
	$(CARGO) bench --bench pipeline -- $(BENCH_ARGS)

fuzz: libtorch ## ten minutes of each fuzz target in tests/fuzz (FUZZ_SECONDS, FUZZ_JOBS)
	scripts/fuzz.sh

train: libtorch ## trains models/kdd99 again (DATA=folder with kddcup.data_10_percent.gz, ALSO=folder with KDDTrain+_20Percent.txt.gz)
	$(CARGO) run --release --bin oversight -- train kdd99 --data $(DATA) --also $(ALSO) --into models/kdd99

deb: build ## a package for Debian with manual pages, completions and the systemd unit (needs cargo-deb)
	scripts/deb.sh

web: ## the web page, where there is Node (20.19 or newer); without it the program is built without one
	@scripts/web.sh

libtorch:
	@scripts/libtorch.sh

engines:
	@scripts/engines.sh || echo "engines: tests against a real Elasticsearch, OpenSearch and Kafka will be SKIPPED" >&2

clean: ## removes what was built (not libtorch, nor the engines: they lie in the user's cache folder)
	$(CARGO) clean
