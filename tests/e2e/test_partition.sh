#!/usr/bin/env bash
# The network between an agent and the coordinator is cut, silently, and comes back: all
# results arrive, the backlog many times faster than it was made, fresh results go first
# meanwhile, and the history has no hole.
#
# Accelerated: monitors at 1 s for what is 1 minute in earnest, so that 60 s without network
# are the backlog of an hour: 60 results of each monitor. All else is as it ships: leases,
# heartbeats, how long an agent waits before it tries again. In a network namespace of its own.
#
#   test_partition.sh BIN_DIR [SECONDS]      without network so long; default 20
#   test_partition.sh BIN_DIR 60             an accelerated hour
#   test_partition.sh BIN_DIR 3600           a real one, with 60 times as many results
set -euo pipefail
if [[ -z ${PLX_OWN_NET-} ]]; then
    flags=(--net)
    [[ $EUID -eq 0 ]] || flags+=(--user --map-root-user)
    PLX_OWN_NET=1 exec unshare "${flags[@]}" "$0" "$@"
fi
bin=$(cd "$1" && pwd)
away=${2:-20}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
dir=$(mktemp -d /tmp/plx-partition-XXXXXX)
coordinator='' agent='' base=7440 n_monitors=150

cleanup() {
    local pid
    for pid in $coordinator $agent; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [[ ${CHECKS_FAILED:-1} -ne 0 ]] || rm -rf "$dir"
}
trap cleanup EXIT
ip link set lo up

p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }

ask() { sqlite3 -readonly "file:$dir/coordinator/parallax.db?mode=ro" "$1"; }
counted() { ask 'SELECT coalesce(sum(high_water), 0) FROM streams'; }
more_than() { [[ $(counted) -gt $1 ]]; }
delivery() {
    "$bin/check_delivery" "$@" "$dir/coordinator/parallax.db" "$dir/agent/spool.db" \
        >"$dir/delivery.txt" 2>&1
}
now_us() { echo $(($(date +%s%N) / 1000)); }
spool_is_below() { [[ $(p agents show a1 --output json | grep -o '"spool_rows": *[0-9]*' | grep -o '[0-9]*$') -lt $1 ]]; }

# Packets of the agents' port vanish, both ways; nobody is told.
cut_network() {
    nft add table inet cut
    nft add chain inet cut in '{ type filter hook input priority 0; }'
    nft add rule inet cut in tcp dport $base drop
    nft add rule inet cut in tcp sport $base drop
}
heal_network() { nft delete table inet cut; }

mkdir -p "$dir/coordinator"
"$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
    --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
    --admin-listen "tcp://127.0.0.1:$((base + 2))" >"$dir/coordinator.log" 2>&1 &
coordinator=$!
until_ok 20 p health || { cat "$dir/coordinator.log"; exit 1; }
token=$(p agents token create --region us-east --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent" --name a1 >/dev/null
"$bin/parallax-agent" run --data-dir "$dir/agent" >"$dir/agent.log" 2>&1 &
agent=$!
{
    echo "monitors:"
    for ((n = 1; n <= n_monitors; n++)); do
        printf '  - {monitor_type: tcp, name: r%s, host: 127.0.6.%s, port: 9, ' "$n" "$n"
        echo "check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}"
    done
} >"$dir/monitors.yaml"
p apply -f "$dir/monitors.yaml" >/dev/null
check "results arrive" until_ok 30 more_than $((2 * n_monitors))

cut_us=$(now_us)
cut_network
before=$(counted)
sleep "$away"
after=$(counted)
check "nothing arrives meanwhile" test $((after - before)) -lt $((2 * n_monitors))
heal_network
healed_us=$(now_us)
check "results arrive again" until_ok 90 more_than "$after"
check "the backlog is delivered" until_ok $((60 + away / 20)) spool_is_below $((n_monitors * 2))
sleep 3
# The figures, of all days' tables there are (a midnight may pass).
view="CREATE TEMP VIEW r AS $(ask "SELECT group_concat('SELECT * FROM ' || name, ' UNION ALL ')
    FROM sqlite_schema WHERE name GLOB 'results_*'");"
figure() { sqlite3 "$dir/copy.db" "$view $1"; }
p backup "$dir/copy.db" >/dev/null 2>&1 || sqlite3 "$dir/coordinator/parallax.db" ".backup $dir/copy.db"
back_us=$(figure "SELECT min(received_us) FROM r WHERE received_us > $healed_us")
old="scheduled_us BETWEEN $cut_us AND $back_us - 2000000 AND received_us >= $back_us"
took_us=$(figure "SELECT max(received_us) - min(received_us) FROM r WHERE $old")
span_us=$(figure "SELECT max(scheduled_us) - min(scheduled_us) FROM r WHERE $old")
n_old=$(figure "SELECT count(*) FROM r WHERE $old")
ratio=$((span_us / (took_us > 0 ? took_us : 1)))
oldest_ms=$(figure "SELECT max(received_us - scheduled_us) / 1000 FROM r
    WHERE scheduled_us > $back_us")
hole_ms=$(figure "SELECT max(gap) / 1000 FROM (SELECT scheduled_us - lag(scheduled_us)
    OVER (PARTITION BY monitor, agent ORDER BY scheduled_us) AS gap FROM r WHERE kind = 0)")
echo "$n_old results of $((span_us / 1000)) ms came in $((took_us / 1000)) ms: ${ratio}x real time;" \
    "a fresh one was at most $oldest_ms ms old; widest distance of two probes of one monitor $hole_ms ms"
check "there was a backlog" test "$n_old" -ge $((n_monitors * (away - 5)))
check "it came at 20 times real time or more" test "$ratio" -ge 20
check "fresh results were never older than two intervals" test "$oldest_ms" -le 2000
check "the history has no hole" test "$hole_ms" -le 1500
# What a person is shown of it: of each monitor's results as the API hands them out, the
# longest time without one, from before the cut to after the backlog came.
shown_hole_ms() { # MONITOR
    p results export -m "$1" --since "$(rfc3339 $((cut_us - 2000000)))" |
        jq -s --argjson until "$back_us" '[.[] | select(.type == "result") | .at * 1000000]
            | sort | [., .[1:]] | transpose[:-1]
            | map(select(.[0] < $until) | .[1] - .[0]) | max / 1000 | floor'
}
rfc3339() { date -u -d "@$(($1 / 1000000))" +%Y-%m-%dT%H:%M:%SZ; }
for name in r1 r$((n_monitors / 2)) r$n_monitors; do
    shown=$(shown_hole_ms "$name")
    # By when they began, which may be late by a part of an interval.
    check "the history of $name as it is shown has no hole ($shown ms)" test "$shown" -lt 2000
done
check "nothing was given up" test "$(figure 'SELECT count(*) FROM gaps')" -eq 0
check "nothing is missing, nothing twice" until_ok 10 delivery
cat "$dir/delivery.txt"
check_report
