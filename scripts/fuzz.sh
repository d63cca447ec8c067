#!/usr/bin/env bash
# Builds the fuzz targets and runs them, with libFuzzer and without a sanitizer: there is no unsafe code of ours to
# watch, so a stable toolchain is enough.
#
#   scripts/fuzz.sh [TARGET ...]   all targets where none is named
#   FUZZ_SECONDS=600               how long each
#   FUZZ_JOBS=2                    how many at once
#
# The corpus of each grows in tests/fuzz/corpus/TARGET; what is found lies in tests/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/../tests/fuzz"

# coverage of our own code, and of what reads syslog headers; anything else is only called
wrapper=$PWD/artifacts/instrument.sh
mkdir -p artifacts
cat >"$wrapper" <<'SCRIPT'
#!/usr/bin/env bash
crate=
for ((i = 1; i <= $#; i++)); do
  if [ "${!i}" = --crate-name ]; then next=$((i + 1)); crate=${!next}; fi
done
case "$crate" in
  oversight | syslog_loose | body | bulk | capture | dialects | form | frames | normalise | syslog | tables)
    exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1
    ;;
  *) exec "$@" ;;
esac
SCRIPT
chmod +x "$wrapper"
# the folder of the package itself: what oversight depends on lies there, built already, and is not built again
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../../target}
export LIBTORCH=${LIBTORCH:-$PWD/../../.libtorch}
RUSTC_WRAPPER=$wrapper cargo build --release

targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
run() {
  local options=(-max_total_time="${FUZZ_SECONDS:-600}" -max_len=4096 -artifact_prefix="artifacts/$1-" -print_final_stats=1)
  if [ -f "dictionaries/$1.dict" ]; then options+=(-dict="dictionaries/$1.dict"); fi
  mkdir -p "corpus/$1"
  LD_LIBRARY_PATH=$LIBTORCH/lib "$CARGO_TARGET_DIR/release/$1" "${options[@]}" "corpus/$1" >"artifacts/$1.log" 2>&1 ||
    { tail -40 "artifacts/$1.log"; return 1; }
  printf '%s: %s\n' "$1" "$(grep -E 'stat::number_of_executed_units|DONE' "artifacts/$1.log" | tr -s ' \n' ' ')"
}
export -f run
export FUZZ_SECONDS
printf '%s\n' "${targets[@]}" | nice xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'run {}'
