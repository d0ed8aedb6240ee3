#!/usr/bin/env bash
# kill -9 in the middle of traffic: a real coordinator and real agents (CURVE, SQLite) are
# killed again and again at random moments, half of the kills each, and after every kill
# the databases are compared: no acknowledged result is missing, none is counted twice,
# every number is a result or an explicit gap. In the end everything that was ever
# numbered must have arrived.
#
# After one kill in eight the next comes at once, in the middle of the start.
#
#   test_kills.sh BIN_DIR [KILLS]      default 20; PLX_SEED repeats the choice of victims
#   kills.sh                           thousands of them, on fleets side by side
set -euo pipefail
bin=$(cd "$1" && pwd)
kills=${2:-${PLX_KILLS:-20}}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$here/../lib/ports.sh"
dir=$(mktemp -d /tmp/plx-kills-XXXXXX)
agents=(us-east-1 eu-west-1 ap-south-1)
# One as it comes, one with threads, one with threads and io_uring.
declare -A options=([eu-west-1]="--threads 3" [ap-south-1]="--threads 2 --engine auto")
declare -A pid
seed=${PLX_SEED:-$$}
RANDOM=$seed

cleanup() {
    local name
    for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [[ ${CHECKS_FAILED:-1} -ne 0 ]] || rm -rf "$dir"
}
trap cleanup EXIT

p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }

start_coordinator() {
    "$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" --http-listen off >>"$dir/coordinator.log" 2>&1 &
    pid[coordinator]=$!
}

start_agent() {
    # shellcheck disable=SC2086 # words
    "$bin/parallax-agent" run ${options[$1]-} --data-dir "$dir/$1" >>"$dir/$1.log" 2>&1 &
    pid[$1]=$!
}

# until_ok SECONDS COMMAND…: looks more often than others do, for there are thousands.
until_ok() {
    local tries=$(($1 * 33))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || return 1
        sleep 0.03
    done
}

# What the coordinator has counted; fails while the file is being recovered.
counted() {
    sqlite3 -readonly "file:$dir/coordinator/parallax.db?mode=ro" \
        'SELECT coalesce(sum(high_water), 0) FROM streams' 2>/dev/null
}

more_than() {
    local now
    now=$(counted) && [[ $now -gt $1 ]]
}

# delivery [--drained]
# shellcheck disable=SC2120
delivery() {
    "$bin/check_delivery" "$@" "$dir/coordinator/parallax.db" \
        "${agents[@]/#/$dir/}" >"$dir/delivery.txt" 2>&1
}

# Everything has arrived, and nothing new is numbered for longer than an interval: for a
# moment the first is so while the agents are still probing, too.
at_rest() {
    local before
    delivery --drained && before=$(counted) && sleep 2 && delivery --drained &&
        [[ $(counted) == "$before" ]]
}

results_flow() {
    local before
    until before=$(counted); do sleep 0.05; done
    until_ok 60 more_than "$before" || {
        echo "nothing arrives any more, at $before results"
        return 1
    }
}

# One kill: once results flow, or in the middle of the start, at a random moment.
kill_one() {
    local victim=$1
    ((RANDOM % 8 == 0)) || results_flow || return 1
    sleep "$(printf '0.%03d' $((RANDOM % 400)))"
    kill -KILL "${pid[$victim]}"
    wait "${pid[$victim]}" 2>/dev/null || true
    # shellcheck disable=SC2119
    delivery || { cat "$dir/delivery.txt"; return 1; }
    if [[ $victim == coordinator ]]; then start_coordinator; else start_agent "$victim"; fi
}

mkdir -p "$dir/coordinator"
start_coordinator
until_ok 20 p health || { cat "$dir/coordinator.log"; exit 1; }
for name in "${agents[@]}"; do
    token=$(p agents token create --region "${name%-*}" --ttl 10m --quiet)
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/$name" --name "$name" >/dev/null
    start_agent "$name"
done

# Fifty ports that refuse, each on an address of its own, since an agent spares its targets.
{
    echo "monitors:"
    for n in {1..50}; do
        printf '  - {monitor_type: tcp, name: r%s, host: 127.0.1.%s, port: 9, ' "$n" "$n"
        echo "check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}"
    done
} >"$dir/monitors.yaml"
p apply -f "$dir/monitors.yaml" >/dev/null
agents=("${agents[@]/%//spool.db}")
check "results arrive" until_ok 30 more_than 100

echo "seed $seed, $kills kills"
coordinator_kills=0
agent_kills=0
for ((i = 0; i < kills; i++)); do
    # One of each in two kills, in any order: the same may be killed twice in a row.
    ((i % 2)) || turn=$((RANDOM % 2))
    victim=coordinator
    (((i + turn) % 2)) && victim=$(basename "$(dirname "${agents[RANDOM % 3]}")")
    kill_one "$victim" || { not_ok "kill $((i + 1)), of $victim"; break; }
    if [[ $victim == coordinator ]]; then
        coordinator_kills=$((coordinator_kills + 1))
    else
        agent_kills=$((agent_kills + 1))
    fi
    ((i % 20 != 19)) || echo "after $((i + 1)) kills: $(cat "$dir/delivery.txt")"
done
check "$coordinator_kills coordinator and $agent_kills agent kills" test "$i" -eq "$kills"

# The agents have next to nothing left to probe, and everything arrives. The last one
# killed may still be starting.
until_ok 30 p health || { cat "$dir/coordinator.log"; exit 1; }
echo '{monitor_type: tcp, host: 127.0.2.1, port: 9, check_interval: 1h, timeout: 1s, locations: [all]}' \
    >"$dir/rest.yaml"
p apply -f "$dir/rest.yaml" --prune >/dev/null
check "everything numbered has arrived" until_ok 40 at_rest
cat "$dir/delivery.txt"
for name in "${!pid[@]}"; do kill "${pid[$name]}"; done
wait
check "nothing is missing, nothing twice" delivery --drained
check "nothing had to be given up as lost" grep -q ' and 0 lost ' "$dir/delivery.txt"

# The checker itself finds what it is there for.
spoil() { # WHAT SQL
    cp "$dir/coordinator/parallax.db" "$dir/spoilt.db"
    sqlite3 "$dir/spoilt.db" "$2"
    if "$bin/check_delivery" "$dir/spoilt.db" "${agents[@]/#/$dir/}" >/dev/null 2>&1; then
        not_ok "the checker overlooks $1"
    else
        ok "the checker finds $1"
    fi
}
day=$(sqlite3 "$dir/coordinator/parallax.db" \
    "SELECT name FROM sqlite_schema WHERE name GLOB 'results_*' LIMIT 1")
spoil "a missing result" "DELETE FROM $day WHERE rowid = 5"
spoil "a result counted twice" "INSERT INTO $day SELECT * FROM $day WHERE rowid = 5"
spoil "one taken for another" \
    "UPDATE $day SET seq = seq + 1 WHERE rowid = 5"
spoil "a mark set back" "UPDATE streams SET high_water = high_water - 1;
    DELETE FROM $day WHERE (stream, seq) IN (SELECT no, high_water + 1 FROM streams)"
check_report
