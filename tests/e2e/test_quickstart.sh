#!/usr/bin/env bash
# The quickstart as a newcomer runs it: up within its time, a true table, run twice, stopped.
#
#   test_quickstart.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
PLX_QUICKSTART_DIR=$(mktemp -d /tmp/plx-quickstart-XXXXXX)
export PLX_QUICKSTART_DIR PLX_BUILD_DIR=${bin%/bin}
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"

cleanup() {
    "$repo/deploy/quickstart.sh" --stop >/dev/null 2>&1 || true
    rm -rf "$PLX_QUICKSTART_DIR"
}
trap cleanup EXIT

first=$("$repo/deploy/quickstart.sh" 2>&1) || { echo "$first"; exit 1; }
echo "$first"
took=$(sed -n 's/.*up after \([0-9]*\) s.*/\1/p' <<<"$first")
check "its own work took ${took:-?} s, under 30" test "${took:-99}" -lt 30
screen=$(tail -n 12 <<<"$first")
check "the last screen is the status table" grep -q 'redis' <<<"$screen"
check "redis is up" grep -qE 'up +redis|redis +up' <<<"$screen"
password=$(sed -n 's/.*log in as admin with the password \([^ ]*\) .*/\1/p' <<<"$first")
check "it says where the dashboard is" grep -q 'http://127.0.0.1:7480/' <<<"$first"
login() { curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H 'X-Parallax: 1' \
    -d "{\"name\":\"admin\",\"password\":\"$password\"}" http://127.0.0.1:7480/api/v1/session; }
check "… and the password that opens it" test "$(login)" = 200
check "… which is kept in no file" bash -c "! grep -rqaF '$password' '$PLX_QUICKSTART_DIR'"

pids() { cat "$PLX_QUICKSTART_DIR"/*.pid | awk '{print $1}' | sort | xargs; }
before=$(pids)
second=$("$repo/deploy/quickstart.sh" 2>&1)
check "run twice, it makes no other password" bash -c '[[ $1 != *"shown this once"* ]]' _ "$second"
check "run twice, it starts nothing anew" test "$(pids)" = "$before"

"$repo/deploy/quickstart.sh" --stop >/dev/null
alive=0
for pid in $before; do [[ ! -e /proc/$pid ]] || alive=$((alive + 1)); done
check "--stop ended what it started" test "$alive" -eq 0
check_report
