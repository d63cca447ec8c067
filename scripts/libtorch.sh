#!/usr/bin/env bash
# Puts libtorch 2.13.0 (CPU) where cargo looks for it: .libtorch/ in this checkout.
# It may be run any number of times; it does nothing when the right version lies there already.
#
#   scripts/libtorch.sh              from PyTorch's zip if that host answers, else from the Python wheels
#   LIBTORCH=/opt/libtorch …         an installation of your own is used as it is
#   OVERSIGHT_CACHE=DIR              where downloads are kept (default: the user's cache folder)
#   OVERSIGHT_LIBTORCH_ZIP_SHA256=…  refuse a zip with any other checksum (the wheels' are pinned below)
set -euo pipefail

version=2.13.0
root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.libtorch
cache=${OVERSIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oversight}
kept=$cache/libtorch-$version
zip_url=https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-$version%2Bcpu.zip

torch_sha=60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7
cudart_sha=7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
cupti_sha=4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8

say() { printf 'libtorch: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
complete() { [ -e "$1/lib/libtorch_cpu.so" ] && [ "$(cut -d+ -f1 "$1/build-version" 2>/dev/null)" = "$version" ]; }

if [ -n "${LIBTORCH:-}" ] && [ "${LIBTORCH%/}" != "$target" ] && [ "${LIBTORCH%/}" != "$kept" ]; then
  complete "$LIBTORCH" || fail "LIBTORCH=$LIBTORCH is set, but holds no libtorch $version (build-version says '$(cat "$LIBTORCH/build-version" 2>/dev/null || echo nothing)'); unset it to have one fetched"
  say "using $LIBTORCH, as LIBTORCH says"
  exit 0
fi
if complete "$target"; then exit 0; fi
[ "$(uname -sm)" = "Linux x86_64" ] || fail "only Linux on x86-64 is fetched by this script; install libtorch $version and set LIBTORCH to its folder"

from_zip() {
  command -v curl >/dev/null && command -v unzip >/dev/null || return 1
  curl --silent --fail --head --location --connect-timeout 5 --max-time 15 --output /dev/null "$zip_url" || return 1
  say "fetching the CPU zip (about 200 MB) from PyTorch's site"
  curl --fail --location --progress-bar --output "$work/libtorch.zip" "$zip_url" || return 1
  local got; got=$(sha256sum "$work/libtorch.zip" | cut -d' ' -f1)
  if [ -n "${OVERSIGHT_LIBTORCH_ZIP_SHA256:-}" ] && [ "$got" != "$OVERSIGHT_LIBTORCH_ZIP_SHA256" ]; then
    fail "the zip's checksum is $got, not $OVERSIGHT_LIBTORCH_ZIP_SHA256"
  fi
  say "zip sha256 $got"
  unzip -q "$work/libtorch.zip" -d "$work/unzipped"
  mv "$work/unzipped/libtorch" "$work/made"
  complete "$work/made" || fail "the zip does not hold libtorch $version"
}

wheel() { # wheel NAME VERSION SHA256 PATTERN...: downloads one wheel and unpacks what matches
  local name=$1 number=$2 sha=$3; shift 3
  local platforms=() tag
  for tag in manylinux2014 manylinux_2_17 manylinux_2_25 manylinux_2_28; do platforms+=(--platform "${tag}_x86_64"); done
  local file; file=$(find "$cache/wheels" -name "${name//-/_}-$number-*.whl" 2>/dev/null | head -n 1)
  if [ -z "$file" ]; then
    say "downloading $name $number with pip"
    "${pip[@]}" download --quiet --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
      "${platforms[@]}" --dest "$cache/wheels" "$name==$number"
    file=$(find "$cache/wheels" -name "${name//-/_}-$number-*.whl" | head -n 1)
  fi
  if ! echo "$sha  $file" | sha256sum --check --quiet --status; then
    rm -f "$file"
    fail "$name $number: wrong checksum; the file was removed, run this again"
  fi
  python3 - "$file" "$work/wheel" "$@" <<'PY'
import fnmatch, sys, zipfile
archive, target, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
with zipfile.ZipFile(archive) as wheel:
    names = [n for n in wheel.namelist() if any(fnmatch.fnmatch(n, p) for p in patterns)]
    wheel.extractall(target, names)
PY
}

from_wheels() {
  command -v python3 >/dev/null || fail "neither PyTorch's zip nor python3 with pip is at hand; install one of them, or set LIBTORCH"
  if python3 -m pip --version >/dev/null 2>&1; then pip=(python3 -m pip); else pip=(pip3); fi
  mkdir -p "$cache/wheels"
  say "taking the CPU parts out of the Python wheels (540 MB to download, 450 MB kept)"
  wheel torch "$version" "$torch_sha" 'torch/include/*' 'torch/lib/libtorch_cpu.so' 'torch/lib/libc10.so' 'torch/lib/libtorch.so' 'torch/lib/libgomp*'
  wheel nvidia-cuda-runtime 13.0.96 "$cudart_sha" '*/libcudart.so.13'
  wheel nvidia-cuda-cupti 13.0.85 "$cupti_sha" '*/libcupti.so.13'
  mkdir -p "$work/made/lib"
  mv "$work/wheel/torch/include" "$work/made/include"
  find "$work/wheel" -name '*.so*' -exec mv {} "$work/made/lib/" \;
  echo "$version" > "$work/made/build-version"
  rm -f "$cache"/wheels/torch-"$version"-*.whl
}

mkdir -p "$cache"
if ! complete "$kept"; then
  work=$(mktemp -d "$cache/libtorch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  from_zip || from_wheels
  complete "$work/made" || fail "what was fetched is incomplete"
  rm -rf "$kept"
  mv "$work/made" "$kept"
fi
rm -rf "$target"
ln -s "$kept" "$target"
say "libtorch $version is ready (.libtorch, a link into the cache folder)"
