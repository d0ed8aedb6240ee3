# Counted checks for shell tests: source it, call ok/not_ok/check, end with check_report. And
# what nearly every test asks of a command: that it succeeds in the end, how it exits, what it
# says.
# shellcheck shell=bash

CHECKS_PASSED=0
CHECKS_FAILED=0

ok() {
    CHECKS_PASSED=$((CHECKS_PASSED + 1))
    printf 'ok      %s\n' "$*"
}

not_ok() {
    CHECKS_FAILED=$((CHECKS_FAILED + 1))
    printf 'NOT OK  %s\n' "$*"
}

# check WHAT COMMAND…: counted by the command's exit code.
check() {
    local what=$1
    shift
    if "$@"; then ok "$what"; else not_ok "$what"; fi
}

# until_ok SECONDS COMMAND…: again and again, quietly.
until_ok() {
    local tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

# exits CODE COMMAND…: what it printed is in $out.
exits() {
    local wanted=$1 code=0
    shift
    out=$("$@" 2>&1) || code=$?
    [[ $code -eq $wanted ]] || { printf '  exit %s: %s\n' "$code" "$out"; return 1; }
}

# says PATTERN: about the last `exits`.
says() {
    # shellcheck disable=SC2053 # the pattern is one
    [[ $out == $1 ]] || { printf '  said: %s\n' "$out"; return 1; }
}

check_report() {
    printf '%s passed, %s failed\n' "$CHECKS_PASSED" "$CHECKS_FAILED"
    [[ $CHECKS_FAILED -eq 0 && $CHECKS_PASSED -gt 0 ]]
}
