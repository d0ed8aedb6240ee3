#!/usr/bin/env bash
# A reconnect storm: N agents (real links, real CURVE) on one coordinator, which is killed
# and started again. All must be back within 30 s of its start, in less than 600 MB, and no
# verdict may change.
#
#   tests/bench/storm.sh [N] [BIN_DIR]     N: 5000 by default
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
n=${1:-5000}
bin=$(cd "${2:-$repo/build/release/bin}" && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$repo/tests/lib/ports.sh"
storm=$(find "$bin/.." -name bench_storm -type f -perm -u+x | head -n 1)
dir=$(mktemp -d /tmp/plx-storm-XXXXXX)
pids=()
cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
ulimit -n "$(ulimit -Hn)"

p() { "$bin/parallax" --data-dir "$dir/data" "$@"; }

start_coordinator() {
    "$bin/parallax-coordinator" run --data-dir "$dir/data" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" --http-listen off >>"$dir/coordinator.log" 2>&1 &
    coordinator=$!
    pids+=("$coordinator")
}

serving() {
    local tries=300
    until p health >/dev/null 2>&1; do ((tries-- > 0)) || return 1; sleep 0.1; done
}

# lines_in FILE COUNT SECONDS: until the file has so many lines.
lines_in() {
    local tries=$(($3 * 10))
    until [[ $(wc -l <"$1") -ge $2 ]]; do ((tries-- > 0)) || return 1; sleep 0.1; done
}

memory_mb() { awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$1/status"; }
verdicts() { sqlite3 -cmd '.timeout 10000' -readonly "$dir/data/parallax.db" 'SELECT count(*) FROM verdicts'; }
all_up() {
    local tries=600
    until p status >/dev/null 2>&1; do ((tries-- > 0)) || return 1; sleep 0.2; done
}

mkdir -p "$dir/data"
start_coordinator
serving
kill "$coordinator"
wait "$coordinator" || true
"$storm" keys "$n" 10 "$dir/keys" | sqlite3 "$dir/data/parallax.db"
start_coordinator
check "a coordinator with $n agents starts" serving
{
    echo "monitors:"
    for i in $(seq 1 50); do
        echo "- {name: m$i, host: 192.0.2.$i, port: 80, check_interval: 30s," \
            "locations: [r0, r1, r2, r3, r4]}"
    done
} >"$dir/monitors.yaml"
p apply -f "$dir/monitors.yaml" >/dev/null
key=$(awk '/^public/ {print $2}' "$dir/data/coordinator.key")
: >"$dir/storm.out"
"$storm" run "tcp://127.0.0.1:$base" "$key" "$dir/keys" >"$dir/storm.out" 2>"$dir/storm.err" &
sims=$!
pids+=("$sims")
check "all connect: $(lines_in "$dir/storm.out" 1 90 && cat "$dir/storm.out")" \
    grep -q "back $n of $n" "$dir/storm.out"
check "all monitors are up" all_up
before=$(verdicts)

kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null || true
start_coordinator
kill -USR1 "$sims"
lines_in "$dir/storm.out" 2 60 || true
took=$(sed -n 's/.* after \([0-9.]*\) s/\1/p' "$dir/storm.out" | sed -n 2p)
check "all $n are back ${took:-not within 60} s after the kill" \
    awk -v t="${took:-99}" 'BEGIN {exit !(t < 30)}'
check "all monitors are up after it" all_up
mb=$(memory_mb "$coordinator")
check "the coordinator took $mb MB at most" test "$mb" -lt 600
check "no verdict changed ($before before, $(verdicts) after)" test "$(verdicts)" = "$before"
# The two that are refused are the gate's own self-test.
check "no agent was refused" test "$(p health --output json | jq .gate.refused)" = 2
check_report
