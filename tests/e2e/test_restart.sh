#!/usr/bin/env bash
# An agent that is killed and started again while the coordinator is away goes on probing
# its last assignment, and what it saw arrives when the coordinator is back.
#
#   test_restart.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
dir=$(mktemp -d /tmp/plx-restart-XXXXXX)
coordinator='' agent=''

cleanup() {
    local pid
    for pid in $coordinator $agent; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

# Ports that nothing else here uses; below the ephemeral range.
base=$((21000 + $$ % 8000))

p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }

start_coordinator() {
    "$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" >>"$dir/coordinator.log" 2>&1 &
    coordinator=$!
}

start_agent() {
    "$bin/parallax-agent" run --data-dir "$dir/agent" >>"$dir/agent.log" 2>&1 &
    agent=$!
}

# kill_hard PID
kill_hard() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}

# until_ok SECONDS COMMAND…
until_ok() {
    local tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

# Results the agent has numbered so far, over all its streams.
numbered() {
    sqlite3 -readonly "file:$dir/agent/spool.db?mode=ro" 'SELECT sum(last) FROM stream'
}
numbered_more_than() { [[ $(numbered) -gt $1 ]]; }

mkdir -p "$dir/coordinator"
start_coordinator
until_ok 20 p health || { cat "$dir/coordinator.log"; exit 1; }
token=$(p agents token create --region us-east --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent" --name a1 >/dev/null
start_agent
cat >"$dir/monitors.yaml" <<'YAML'
monitors:
  - {monitor_type: tcp, name: r1, host: 127.0.3.1, port: 9, check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}
  - {monitor_type: tcp, name: r2, host: localhost, port: 9, check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}
YAML
p apply -f "$dir/monitors.yaml" >/dev/null
check "results are made" until_ok 30 numbered_more_than 4
check "the assignment is kept" until_ok 20 test -s "$dir/agent/assignment"
kill_hard "$coordinator"
kill_hard "$agent"
before=$(numbered)
start_agent
check "without the coordinator, the agent goes on" until_ok 20 numbered_more_than $((before + 6))
check "it says so" grep -q 'assignment_loaded.*monitors=2' "$dir/agent.log"
start_coordinator
check "the coordinator is back and has them" until_ok 40 p status r1
check_report
