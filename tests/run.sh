#!/usr/bin/env bash
# Every test that fits the time, from a fresh clone: installs what is missing, builds with
# warnings as errors, runs the unit tests and gates plain and under sanitizers, then the
# end-to-end tests on real processes, sockets, databases and network namespaces.
#
#   tests/run.sh             all of it (root, or sudo for packages and namespaces)
#   tests/run.sh unit        unit tests and gates only, plain and sanitized
#   tests/run.sh e2e [NAME]  the end-to-end tests (one of them)
#
# Each step's whole output is in build/test-logs/. Nothing is skipped silently: a step that
# cannot run here fails.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
logs=$repo/build/test-logs
release=$repo/build/release
debug=$repo/build/debug
passed=0
failed=0

# step NAME COMMAND…: runs it, keeps its output, shows the end of it if it fails.
step() {
    local name=$1 began=$SECONDS log
    shift
    log=$logs/${name//[^A-Za-z0-9]/-}.log
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %-44s %4d s\n' "$name" $((SECONDS - began))
    else
        failed=$((failed + 1))
        printf 'FAILED  %-44s %4d s   %s\n' "$name" $((SECONDS - began)) "$log"
        tail -n 40 "$log" | sed 's/^/        /'
    fi
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1"
}

# Unit tests one at a time where they would disturb each other's timing: never; so -j2.
run_ctest() {
    ctest --test-dir "$1" --output-on-failure --no-tests=error -j2
}

unit_steps() {
    step "build: release" build release
    step "build: debug (ASan, UBSan)" build debug
    step "unit tests and gates" run_ctest "$release"
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
        step "unit tests under ASan and UBSan" run_ctest "$debug"
}

# Every tests/e2e/test_*.sh, with the release programs.
e2e_steps() {
    local test name
    [[ -x $release/bin/parallax ]] || step "build: release" build release
    for test in tests/e2e/test_*.sh; do
        name=$(basename "$test" .sh)
        [[ -z ${1-} || $name == "$1" ]] || continue
        step "end to end: ${name#test_}" "$test" "$release/bin"
    done
}

main() {
    # shellcheck source=deploy/packages.sh
    source deploy/packages.sh
    plx_packages_ensure build demo test
    mkdir -p "$logs"
    case ${1-all} in
    all)
        unit_steps
        step "simulated fleet: 40 worlds" tests/sim/world.sh 40
        step "network lab" tests/net/test_lab.sh
        e2e_steps
        ;;
    unit) unit_steps ;;
    e2e) e2e_steps "${2-}" ;;
    *)
        echo "usage: tests/run.sh [unit | e2e [NAME]]" >&2
        exit 2
        ;;
    esac
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [[ $failed -eq 0 && $passed -gt 0 ]]
}

main "$@"
