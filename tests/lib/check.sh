# Counted checks for shell tests: source it, call ok/not_ok/check, end with check_report.
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

check_report() {
    printf '%s passed, %s failed\n' "$CHECKS_PASSED" "$CHECKS_FAILED"
    [[ $CHECKS_FAILED -eq 0 && $CHECKS_PASSED -gt 0 ]]
}
