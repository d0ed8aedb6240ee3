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
outcomes=$logs/outcomes # a line a step

# step NAME COMMAND…: runs it, keeps its output, shows the end of it if it fails.
step() {
    local name=$1 began=$SECONDS log shown
    shift
    log=$logs/${name//[^A-Za-z0-9]/-}.log
    if "$@" >"$log" 2>&1; then
        echo ok >>"$outcomes"
        printf 'ok      %-44s %4d s\n' "$name" $((SECONDS - began))
    else
        echo failed >>"$outcomes"
        shown=$(tail -n 40 "$log" | sed 's/^/        /')
        printf 'FAILED  %-44s %4d s   %s\n%s\n' "$name" $((SECONDS - began)) "$log" "$shown"
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

# One end-to-end test, unless somebody else has begun it.
e2e_step() {
    local name
    name=$(basename "$1" .sh)
    mkdir "$logs/begun/$name" 2>/dev/null || return 0
    step "end to end: ${name#test_}" "$1" "$release/bin"
}

# Every tests/e2e/test_*.sh, with the release programs. They mostly wait, so two run at a
# time; those that share the network lab run in one row.
e2e_steps() {
    local test in_lab=() others=()
    [[ -x $release/bin/parallax ]] || step "build: release" build release
    rm -rf "$logs/begun"
    mkdir -p "$logs/begun"
    for test in tests/e2e/test_*.sh; do
        if grep -qE 'net/lab\.sh|lib/fleet\.sh' "$test"; then
            in_lab+=("$test")
        else
            others+=("$test")
        fi
    done
    (
        step "network lab" tests/net/test_lab.sh
        for test in "${in_lab[@]}"; do e2e_step "$test"; done
        for ((i = ${#others[@]} - 1; i >= 0; i--)); do e2e_step "${others[i]}"; done
    ) &
    for test in "${others[@]}"; do e2e_step "$test"; done
    wait
}

count() { grep -cx "$1" "$outcomes" || true; }

main() {
    # shellcheck source=deploy/packages.sh
    source deploy/packages.sh
    plx_packages_ensure build demo test
    mkdir -p "$logs"
    : >"$outcomes"
    case ${1-all} in
    all)
        unit_steps
        step "simulated fleet: 40 worlds" tests/sim/world.sh 40
        e2e_steps
        ;;
    unit) unit_steps ;;
    e2e)
        if [[ -n ${2-} ]]; then
            step "end to end: ${2#test_}" "tests/e2e/test_${2#test_}.sh" "$release/bin"
        else
            e2e_steps
        fi
        ;;
    *)
        echo "usage: tests/run.sh [unit | e2e [NAME]]" >&2
        exit 2
        ;;
    esac
    printf '%d passed, %d failed\n' "$(count ok)" "$(count failed)"
    [[ $(count failed) -eq 0 && $(count ok) -gt 0 ]]
}

main "$@"
