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
# cannot run here fails. What failed while another test ran beside it is run again alone, and
# the last line says so.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
logs=$repo/build/test-logs
release=$repo/build/release
debug=$repo/build/debug
outcomes=$logs/outcomes # a line a step
begun=$logs/begun       # a folder an end-to-end test that somebody runs
again=$logs/again       # a line a test that failed beside others

# attempt NAME COMMAND…: runs it and keeps its output; prints how it went.
attempt() {
    local name=$1 began=$SECONDS log
    shift
    log=$logs/${name//[^A-Za-z0-9]/-}.log
    if "$@" >"$log" 2>&1; then
        printf 'ok      %-44s %4d s\n' "$name" $((SECONDS - began))
    else
        printf '%-7s %-44s %4d s   %s\n%s\n' "${failed_word:-FAILED}" "$name" \
            $((SECONDS - began)) "$log" "$(tail -n 40 "$log" | sed 's/^/        /')"
        return 1
    fi
}

# step NAME COMMAND…: one whose outcome counts.
step() {
    local outcome=ok
    attempt "$@" || outcome=failed
    echo "$outcome" >>"$outcomes"
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1"
}

# Two at a time; what fails in company is run again alone, as below.
run_ctest() {
    ctest --test-dir "$1" --output-on-failure --no-tests=error -j2 ||
        ctest --test-dir "$1" --output-on-failure --no-tests=error --rerun-failed
}

unit_steps() {
    step "build: release" build release
    step "build: debug (ASan, UBSan)" build debug
    step "unit tests and gates" run_ctest "$release"
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
        step "unit tests under ASan and UBSan" run_ctest "$debug"
}

# How a test is named in what is printed.
e2e_name() {
    local name
    name=$(basename "$1" .sh)
    echo "end to end: ${name#test_}"
}

e2e_step() { step "$(e2e_name "$1")" "$1" "$release/bin"; }

# One that runs beside others, unless somebody else has begun it. What fails in company
# is run again alone: its limits in seconds are those of a machine it has to itself.
e2e_beside() {
    local failed_word=again
    mkdir "$begun/$(basename "$1")" 2>/dev/null || return 0
    if attempt "$(e2e_name "$1")" "$1" "$release/bin"; then
        echo ok >>"$outcomes"
    else
        echo "$1" >>"$again"
    fi
}

# Every tests/e2e/test_*.sh, with the release programs. They mostly wait, so two run at a
# time; those that share the network lab run in one row. What measures a limit in seconds
# while it fills both cores says "Runs alone", and does.
e2e_steps() {
    local test in_lab=() others=() alone=()
    [[ -x $release/bin/parallax ]] || step "build: release" build release
    rm -rf "$begun"
    mkdir -p "$begun"
    for test in tests/e2e/test_*.sh; do
        if grep -q '^# Runs alone' "$test"; then
            alone+=("$test")
        elif grep -qE 'net/lab\.sh|lib/fleet\.sh' "$test"; then
            in_lab+=("$test")
        else
            others+=("$test")
        fi
    done
    (
        step "network lab" tests/net/test_lab.sh
        for test in "${in_lab[@]}"; do e2e_beside "$test"; done
        for ((i = ${#others[@]} - 1; i >= 0; i--)); do e2e_beside "${others[i]}"; done
    ) &
    for test in "${others[@]}"; do e2e_beside "$test"; done
    wait
    mapfile -t -O ${#alone[@]} alone <"$again"
    for test in "${alone[@]}"; do e2e_step "$test"; done
}

count() { grep -cx "$1" "$outcomes" || true; }

main() {
    case ${1-all} in
    all | unit | e2e) ;;
    *)
        echo "usage: tests/run.sh [unit | e2e [NAME]]" >&2
        exit 2
        ;;
    esac
    # shellcheck source=deploy/packages.sh
    source deploy/packages.sh
    plx_packages_ensure build demo test
    mkdir -p "$logs"
    : >"$outcomes"
    : >"$again"
    case ${1-all} in
    all)
        unit_steps
        step "simulated fleet: 40 worlds" tests/sim/world.sh 40
        e2e_steps
        ;;
    unit) unit_steps ;;
    e2e)
        if [[ -n ${2-} ]]; then
            e2e_step "tests/e2e/test_${2#test_}.sh"
        else
            e2e_steps
        fi
        ;;
    esac
    printf '%d passed, %d failed\n' "$(count ok)" "$(count failed)"
    [[ ! -s $again ]] || printf 'run a second time, alone: %s\n' "$(xargs <"$again")"
    [[ $(count failed) -eq 0 && $(count ok) -gt 0 ]]
}

main "$@"
