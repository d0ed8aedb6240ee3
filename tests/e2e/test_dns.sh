#!/usr/bin/env bash
# Names, end to end on the loopback: a coordinator, an agent and a scripted name server
# (tests/lib/dns_peer.h). A host that is half up is a finding and is not down; a name
# server that answers late, never, with lies, with 500 addresses or in circles costs only
# its own monitors anything: each class by its name, the others' timing as before.
#
#   test_dns.sh BIN_DIR [SECONDS]    SECONDS of misbehaviour, default 34: some answers
#                                    come after 30
set -euo pipefail
bin=$(cd "$1" && pwd)
seconds=${2:-34}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

ready() { sed -n 's/^ready //p' "$1"; }

# listen PORT ADDRESS…: takes connections until it is ended.
listen() {
    python3 - "$@" <<'END' &
import selectors, socket, sys
sel = selectors.DefaultSelector()
for address in sys.argv[2:]:
    s = socket.create_server((address, int(sys.argv[1])), backlog=64)
    sel.register(s, selectors.EVENT_READ)
while True:
    for key, _ in sel.select():
        key.fileobj.accept()[0].close()
END
    pids+=($!)
}
# unlisten PID: its port is free for the next one then.
unlisten() { kill "$1" && { wait "$1" || true; }; }

"$bin/dns_server" >"$dir/dns.log" &
pids+=($!)
until_ok 10 grep -q "^ready " "$dir/dns.log"
coordinator_start
agent_enrol fra-1
cat >"$dir/agent.yaml" <<END
limits: {per_target_rate: 100, per_target_burst: 100}
resolver: {servers: ["127.0.0.1:$(ready "$dir/dns.log")"]}
END
agent_start fra-1 --config "$dir/agent.yaml"
agent=${agents[fra-1]}
alive() { p agents list --output json | jq -e '.agents[0].connected'; }
until_ok 30 alive || { cat "$dir/fra-1.log"; exit 1; }

# ---- a host that is half up ----

port=$((base + 10))
listen "$port" 127.0.0.1 127.0.0.2 127.0.0.3
all_up=${pids[-1]}
{
    echo "- {name: half, host: half.example, port: $port, locations: [fra]," \
        "check_interval: 1s, addresses: all}"
    echo "- {name: first, host: half.example, port: $port, locations: [fra], check_interval: 1s}"
} >"$dir/monitors.yaml"
p apply -f "$dir/monitors.yaml" >/dev/null

status() { { p status "$1" --output json || true; } | jq -r ".monitors[0] | $2"; }
wait_status() { # NAME FILTER PATTERN
    local tries=300
    # shellcheck disable=SC2053 # a pattern
    until [[ $(status "$1" "$2") == $3 ]]; do
        ((tries-- > 0)) || { status "$1" "$2"; return 1; }
        sleep 0.1
    done
}
each='[.locations[0].addresses[]? | "\(.address)=\(.outcome)"] | sort | join(" ")'
check "all addresses open: up, each told" \
    wait_status half "\"\\(.verdict) \\($each)\"" "up 127.0.0.1=open 127.0.0.2=open 127.0.0.3=open"
unlisten "$all_up"
listen "$port" 127.0.0.1 127.0.0.3
one_down=${pids[-1]}
check "one address refuses: degraded, not down" wait_status half .verdict degraded
check "the sentence names the address that fails" \
    wait_status half .sentence '*half up*127.0.0.2 refused*'
check "each address has its outcome" \
    wait_status half "$each" "127.0.0.1=open 127.0.0.2=refused 127.0.0.3=open"
check "the view itself is open" wait_status half '.locations[0].outcome' open
check "status lists the addresses" grep -qE 'fra-1 +127\.0\.0\.2 +refused' <(p status half || true)
check "explain lists the addresses" grep -qE 'fra-1 +127\.0\.0\.2 +refused' <(p explain half || true)
check "without 'addresses: all' the same host is up" wait_status first .verdict up
check "and has one address" wait_status first '.locations[0].addresses' null
changes=$(p history half --output json | jq -r '[.. | .sentence? // empty] | join("|")')
check "history names the address too" grep -q '127.0.0.2 refused' <<<"$changes"
# replayed: until a recording has seen it, which takes a tick of the judge
replayed() {
    local tries=50
    while ((tries-- > 0)); do
        p results export --since 1h >"$dir/recording" 2>/dev/null
        p judge <"$dir/recording" >"$dir/replay" 2>/dev/null || true
        ! grep -q '"verdict":"degraded"' "$dir/replay" || return 0
        sleep 0.2
    done
    return 1
}
check "a replay sees the host half up" replayed
check "a recording has the runs, not their addresses" \
    jq -es '[.[] | select(.type == "result" and .monitor == "half")]
        | length > 0 and all(.kind != "address") and any(.half_up)' "$dir/recording" >/dev/null
unlisten "$one_down"
check "all addresses refuse: the view fails" wait_status half '.locations[0].outcome' refused
check "and degraded is over" wait_status half .verdict inconclusive # from one location
listen "$port" 127.0.0.1 127.0.0.2 127.0.0.3
check "all are back: up" wait_status half .verdict up
p monitors export >"$dir/export.yaml"
check "the export keeps 'addresses: all'" grep -q 'addresses: all' "$dir/export.yaml"
check "and changes nothing" p diff -f "$dir/export.yaml"

# ---- a name server that misbehaves ----

ordinary=200
bad=(late silent garbage spoof servfail refuse nx loop count evil flood)
{
    for ((i = 1; i <= ordinary; i++)); do
        echo "- {name: o$i, host: 127.1.0.$i, port: 9, locations: [fra], check_interval: 1s," \
            "timeout: 1s, expect: refused}"
    done
} >"$dir/ordinary.yaml"
for kind in "${bad[@]}"; do
    for i in {1..20}; do
        echo "- {name: $kind-$i, host: $kind$i.example, port: $port, locations: [fra]," \
            "check_interval: 2s, timeout: 1s, ip: 4, addresses: all}"
    done
done >"$dir/bad.yaml"

# lag FROM_US: p50, p99 and greatest lateness of the ordinary probes since then, in ms, and
# how many there were and how many were not made.
lag() {
    local days # a midnight may pass
    days=$(sqlite3 -readonly "$dir/coordinator/parallax.db" "SELECT group_concat('SELECT * FROM ' || name, ' UNION ALL ')
        FROM sqlite_schema WHERE name GLOB 'results_[0-9]*'")
    sqlite3 -readonly -separator ' ' "$dir/coordinator/parallax.db" "
        WITH o AS (SELECT lag_us, outcome FROM ($days) WHERE scheduled_us >= $1
            AND kind = 0 AND monitor IN (SELECT id FROM monitors WHERE name GLOB 'o[0-9]*')),
        n AS (SELECT count(*) AS n FROM o)
        SELECT (SELECT lag_us FROM o ORDER BY lag_us LIMIT 1 OFFSET (SELECT n / 2 FROM n)) / 1000.0,
            (SELECT lag_us FROM o ORDER BY lag_us LIMIT 1 OFFSET (SELECT n * 99 / 100 FROM n)) / 1000.0,
            (SELECT max(lag_us) FROM o) / 1000.0, (SELECT n FROM n),
            (SELECT count(*) FROM o WHERE outcome IN (8, 9))"
}
now_us() { echo "${EPOCHREALTIME/./}"; }

p apply -f "$dir/ordinary.yaml" >/dev/null
check "ordinary monitors run" wait_status "o$ordinary" '.locations[0].outcome' refused
began=$(now_us)
sleep 6
read -r before_p50 before_p99 before_max before_n before_missed <<<"$(lag "$began")"
p apply -f "$dir/bad.yaml" >/dev/null
began=$(now_us)
fds_before=$(ls "/proc/$agent/fd" | wc -l)
sleep "$seconds"
read -r p50 p99 max n missed <<<"$(lag "$began")"
echo "        lateness of ordinary probes in ms, before: p50 $before_p50, p99 $before_p99," \
    "most $before_max ($before_n probes, $before_missed not made)"
echo "        with 220 monitors of misbehaving names:   p50 $p50, p99 $p99," \
    "most $max ($n probes, $missed not made)"
check "ordinary probes go on: $n in $seconds s" test "$n" -ge $((ordinary * (seconds - 3)))
check "none was missed" test "$missed" = 0
# Loose, for busy machines: a resolver that held up the loop would cost seconds.
check "their p99 lateness is the tick's: $p99 ms" awk -v p="$p99" 'BEGIN {exit !(p <= 250)}'

says() { # KIND PATTERN: outcome and detail of all of that kind
    local got
    got=$({ p status --output json || true; } | jq -r --arg k "$1-" '[.monitors[]
        | select(.name | startswith($k)) | .locations[0] | "\(.outcome) \(.detail)"]
        | unique | join(", ")')
    # shellcheck disable=SC2053 # a pattern
    if [[ $got == $2 ]]; then ok "$1: $got"; else not_ok "$1: '$got', not '$2'"; fi
}
says late 'dns_failure dns_timeout'
says silent 'dns_failure dns_timeout'
says spoof 'dns_failure dns_timeout'
says garbage 'dns_failure dns_timeout'
says servfail 'dns_failure servfail'
says refuse 'dns_failure dns_refused'
says nx 'dns_failure nxdomain'
says loop 'dns_failure nodata'
says count 'dns_failure dns_other'
says evil 'local_error policy'
says flood 'refused connection_refused'
flood=$(status flood-1 '.locations[0].addresses | "\(length) \(.[-1].detail)"')
check "500 addresses: 16 are probed, and that there are more is said: $flood" \
    test "$flood" = "17 address_limit"
fds=$(ls "/proc/$agent/fd" | wc -l) # sockets of the probes are kept for the next ones
check "no descriptors pile up: $fds_before, then $fds" test "$fds" -le $((fds_before + 256))
check "the agent is the same process" kill -0 "$agent"
kill "${pids[0]}"
wait "${pids[0]}" || true
sed -n 's/^queries/        the name server: queries/p' "$dir/dns.log"
check "answers that came 30 s late were not taken" grep -qE 'answered late [1-9]' "$dir/dns.log"
check_report
