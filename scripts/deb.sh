#!/usr/bin/env bash
# Makes a package for Debian of the release binary that is there (`make build`): what is in it stands in Cargo.toml under
# package.metadata.deb, manual pages and completions are made from the same definitions as the help.
#
#   scripts/deb.sh           makes target/debian/oversight_VERSION_ARCH.deb, by cargo-deb
#   scripts/deb.sh parts     makes only target/package: manual pages and completions
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${BINARY:-${CARGO_TARGET_DIR:-target}/release/oversight}
[ -x "$binary" ] || { echo "deb: $binary is not there; run make build" >&2; exit 1; }

rm -rf target/package
mkdir -p target/package
"$binary" manual man --into target/package/man
"$binary" manual completions bash >target/package/oversight.bash
"$binary" manual completions zsh >target/package/_oversight
"$binary" manual completions fish >target/package/oversight.fish
[ "${1:-}" != parts ] || exit 0

command -v cargo-deb >/dev/null || { echo "deb: cargo-deb is missing; cargo install cargo-deb" >&2; exit 1; }
cargo deb --no-build
