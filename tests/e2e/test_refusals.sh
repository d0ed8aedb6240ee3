#!/usr/bin/env bash
# What must be refused is refused with a sentence that says what to do, a non-zero exit and
# the data as it was: a second coordinator, a port in use, a newer or foreign or corrupt
# database, a full disk, wrong and revoked keys, tokens used twice or too late.
#
#   test_refusals.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$here/../lib/ports.sh"
dir=$(mktemp -d /tmp/plx-refusals-XXXXXX)
pids=()

cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    ! mountpoint -q "$dir/small" || umount "$dir/small"
    rm -rf "$dir"
}
trap cleanup EXIT

coordinator_args() { # DATA_DIR PORT_OFFSET
    printf '%s\n' run --data-dir "$1" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$((base + $2))" \
        --enrol-listen "tcp://127.0.0.1:$((base + $2 + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + $2 + 2))" \
        --http-listen "127.0.0.1:$((base + $2 + 3))"
}

# start_coordinator NAME PORT_OFFSET
start_coordinator() {
    mapfile -t args < <(coordinator_args "$dir/$1" "$2")
    mkdir -p "$dir/$1"
    "$bin/parallax-coordinator" "${args[@]}" >>"$dir/$1.log" 2>&1 &
    coordinator=$!
    pids+=("$coordinator")
    local tries=300
    until "$bin/parallax" --data-dir "$dir/$1" health >/dev/null 2>&1; do
        ((tries-- > 0)) || { cat "$dir/$1.log"; return 1; }
        sleep 0.1
    done
}

stop_coordinator() {
    kill "$coordinator"
    wait "$coordinator" || true
}

# refused WHAT PATTERN COMMAND…: non-zero within a minute, the words match.
refused() {
    local what=$1 pattern=$2 out code=0
    shift 2
    out=$(timeout 60 "$@" 2>&1) || code=$?
    if [[ $code -ne 0 && $code -lt 124 ]] && grep -qiE "$pattern" <<<"$out"; then
        ok "$what: $(grep -iE -m 1 "$pattern" <<<"$out" | cut -c 1-150)"
    else
        not_ok "$what (exit $code): $out"
    fi
}

checksum() { sha256sum "$1" | cut -c 1-64; }

p() { "$bin/parallax" --data-dir "$dir/one" "$@"; }

start_coordinator one 0
mapfile -t same_dir < <(coordinator_args "$dir/one" 10)
refused "a second coordinator on the same folder" 'in use by process' \
    "$bin/parallax-coordinator" "${same_dir[@]}"
mkdir -p "$dir/two"
mapfile -t same_port < <(coordinator_args "$dir/two" 0)
refused "a port in use" 'in use' "$bin/parallax-coordinator" "${same_port[@]}"

# Tokens and keys.
token=$(p agents token create --region fra --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent" --name fra-1 >/dev/null
refused "a token used twice" 'used' \
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent2" --name fra-2
short=$(p agents token create --region fra --ttl 1s --quiet)
sleep 1.5
refused "a token after its time" 'expired' \
    "$bin/parallax-agent" enroll "$short" --data-dir "$dir/agent3" --name fra-3
refused "a token that is none" 'token' \
    "$bin/parallax-agent" enroll plx1.bm9uZQ --data-dir "$dir/agent4"

"$bin/parallax-agent" run --data-dir "$dir/agent" >>"$dir/agent.log" 2>&1 &
agent=$!
pids+=("$agent")
agent_state() { p agents list --output json | jq -r '.agents[] | select(.name == "fra-1") | .state'; }
wait_state() {
    local tries=300
    until [[ $(agent_state) == "$1" ]]; do ((tries-- > 0)) || return 1; sleep 0.1; done
}
check "the enrolled agent is live" wait_state live
refused "a second agent on the same folder" 'in use by process' \
    "$bin/parallax-agent" run --data-dir "$dir/agent"
p agents revoke fra-1 >/dev/null
check "a revoked agent is shown as such" test "$(agent_state)" = revoked
grep_log() { local tries=300; until grep -q "$1" "$2"; do ((tries-- > 0)) || return 1; sleep 0.1; done; }
check "its next message is refused, and the log says whose it was" \
    grep_log 'event=stranger_refused agent=fra-1 ' "$dir/one.log"
kill "$agent"
wait "$agent" || true

# Each of these has been counted by why it was refused.
p tokens create scraper --role viewer 2>/dev/null >"$dir/viewer.token"
metrics=$(curl -s -H "Authorization: Bearer $(cat "$dir/viewer.token")" "http://127.0.0.1:$((base + 3))/metrics")
counted() { # SERIES LEAST
    check "$1 is at least $2" \
        awk -v name="$1" -v least="$2" '$1 == name {found = $2 >= least} END {exit !found}' <<<"$metrics"
}
for why in used_up expired; do
    counted "parallax_enrolments_refused_total{why=\"token_$why\"}" 1
done
counted 'parallax_messages_refused_total{why="revoked"}' 1
for why in routing_id_chosen routing_id_stolen; do
    counted "parallax_messages_refused_total{why=\"$why\"}" 0
done
counted parallax_results_refused_total 0
counted 'parallax_gate_connections_total{answer="refused"}' 0
check "a token is refused with one line in the log" \
    test "$(grep -c 'event=enrolment_refused .*used up' "$dir/one.log")" = 1

# Another admin key is not let in.
cp -r "$dir/one/." "$dir/stranger" 2>/dev/null || true
rm -f "$dir/stranger/admin.key"
sed "s#$dir/one#$dir/stranger#" "$dir/one/admin.yaml" >"$dir/stranger/admin.yaml"
"$bin/parallax-agent" --version >/dev/null
mkdir -p "$dir/three"
stop_coordinator
start_coordinator three 20
cp "$dir/three/admin.key" "$dir/stranger/admin.key"
stop_coordinator
start_coordinator one 0
refused "a stranger's admin key" 'refus|not admitted|no answer|key' \
    "$bin/parallax" --data-dir "$dir/stranger" status
stop_coordinator

# Database files that are not ours to touch.
mapfile -t args < <(coordinator_args "$dir/one" 0)
db=$dir/one/parallax.db
cp "$db" "$dir/good.db"
sqlite3 "$db" 'PRAGMA user_version = 9999;'
before=$(checksum "$db")
refused "a database of a newer version" 'newer' "$bin/parallax-coordinator" "${args[@]}"
check "the newer database is untouched" test "$(checksum "$db")" = "$before"
rm -f "$db"*
sqlite3 "$db" 'CREATE TABLE theirs (x); PRAGMA application_id = 42;'
before=$(checksum "$db")
refused "a foreign database" 'not a parallax|another program|foreign' \
    "$bin/parallax-coordinator" "${args[@]}"
check "the foreign database is untouched" test "$(checksum "$db")" = "$before"
rm -f "$db"*
head -c 100000 /dev/urandom >"$db"
before=$(checksum "$db")
refused "a file that is no database" 'not a database|corrupt' \
    "$bin/parallax-coordinator" "${args[@]}"
check "the strange file is untouched" test "$(checksum "$db")" = "$before"
rm -f "$db"*
cp "$dir/good.db" "$db"
start_coordinator one 0
check "the good database serves again" test "$(p agents list --output json | jq '.agents | length')" = 1
stop_coordinator

# A disk that fails under it (here: a file that may not grow) ends the coordinator with a
# sentence, rather than leaving one that answers and stores nothing.
mapfile -t args < <(coordinator_args "$dir/one" 0)
# The signal is ignored, so that the write itself fails.
(trap '' XFSZ; exec "$bin/parallax-coordinator" "${args[@]}" >"$dir/failing.log" 2>&1) &
coordinator=$!
pids+=("$coordinator")
health() { p health; }
answers() { local tries=300; until health >/dev/null 2>&1; do ((tries-- > 0)) || return 1; sleep 0.1; done; }
check "it serves before its disk fails" answers
prlimit --pid "$coordinator" --fsize=4096:4096
refused "a change that cannot be written" 'nothing was changed' \
    "$bin/parallax" --data-dir "$dir/one" agents token create --region fra --ttl 10m
tries=300
while [[ -e /proc/$coordinator ]] && ((tries-- > 0)); do sleep 0.1; done
code=0
kill "$coordinator" 2>/dev/null || true
wait "$coordinator" || code=$?
check "a coordinator whose disk failed ends by itself, with 1" test "$code" -eq 1
check "it says why" grep -q 'the database failed: input/output error.*start again' \
    "$dir/failing.log"
start_coordinator one 0
check "and serves again once the disk does" test "$(p agents list --output json | jq '.agents | length')" = 1
stop_coordinator

# A full disk: refused at the start, survived in the middle (tests/unit/test_store.c).
mkdir -p "$dir/small"
mount -t tmpfs -o size=64k none "$dir/small"
head -c 60000 /dev/zero >"$dir/small/fill" 2>/dev/null || true
mkdir -p "$dir/small/data"
mapfile -t args < <(coordinator_args "$dir/small/data" 30)
refused "a full disk" 'space|full' "$bin/parallax-coordinator" "${args[@]}"
umount "$dir/small"

# A disk that fills while it serves: status says whose trouble it is, and a key that must
# go is shut out all the same.
mount -t tmpfs -o size=4m none "$dir/small"
start_coordinator small 40
q() { "$bin/parallax" --data-dir "$dir/small" "$@"; }
token=$(q agents token create --region fra --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent5" --name fra-5 >/dev/null
q monitors add 127.0.0.1:9 --name nine --locations all >/dev/null
cat /dev/zero >"$dir/small/fill" 2>/dev/null || true
refused "a revocation on a full disk" 'is shut out until .* no space left' \
    "$bin/parallax" --data-dir "$dir/small" agents revoke fra-5
check "the agent is out" grep -q revoked <(q agents list)
check "status says whose trouble it is" \
    grep -q 'the coordinator cannot store results: no space left' <(q status || true)
rm "$dir/small/fill"
room() { local tries=300; until grep -q 'state: ok' <<<"$(q health)"; do ((tries-- > 0)) || return 1; sleep 0.1; done; }
q agents token create --region fra --ttl 1m --quiet >/dev/null || true
check "it recovers when there is room" room
check "and can be revoked for good" q agents revoke fra-5
stop_coordinator
start_coordinator small 40
check "which a restart knows" grep -q revoked <(q agents list)
stop_coordinator
check_report
