#!/usr/bin/env bash
# A crowd of clients that send a byte a second: they are cut, and an honest one notices
# nothing.
#
#   test_slow_clients.sh BIN_DIR [CLIENTS]
#
# Runs alone: a 99th percentile is measured.
set -euo pipefail
bin=$(cd "$1" && pwd)
crowd=${2:-2000}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

ulimit -n $((2 * crowd + 1000))
coordinator_start
token=$(p tokens create reader --role viewer 2>/dev/null)
timeout -k 5 90 python3 "$here/../lib/http_crowd.py" $((base + 3)) "$token" "$crowd" >"$dir/out" ||
    cat "$dir/coordinator.log"
cat "$dir/out"
says() { jq -e "$1" "$dir/out" >/dev/null; }
check "of $crowd slow clients none is left" says '.left == 0'
check "the last is cut within 15 s" says '.last_cut_s <= 15'
check "an honest one is always answered" says '.asked > 50 and .failed == 0'
check "… in less than 200 ms, 99 times of 100" says '.p99_ms < 200'
# Those who come faster than strangers may are refused at once, the others cut later.
counted() {
    curl -s -H "Authorization: Bearer $token" "$url/metrics" >"$dir/metrics"
    awk '/^parallax_http_cut_total|^parallax_http_refused_total\{why="over_rate"/ {n += $2}
        END {exit !(n >= '"$crowd"')}' "$dir/metrics"
}
check "they are counted" counted
check_report
