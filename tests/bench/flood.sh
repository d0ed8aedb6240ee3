#!/usr/bin/env bash
# Strangers by the thousand and hostile agents against one coordinator: an enrolled agent
# still gets in within 10 s, a new one enrols, memory stays bounded, nothing leaks.
#
#   tests/bench/flood.sh [BIN_DIR] [full]
#
# full: 10^6 malformed connections at each port and 10^7 mutated frames; else a fiftieth.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$(cd "${1:-$repo/build/release/bin}" && pwd)
connections=20000
frames=200000
[[ ${2-} != full ]] || { connections=1000000; frames=10000000; }
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
tool() { find "$bin/.." -name "$1" -type f -perm -u+x | head -n 1; }
storm=$(tool bench_storm)
flood=$(tool bench_flood)
dir=$(mktemp -d /tmp/plx-flood-XXXXXX)
pids=()
cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

# The coordinator may have this many descriptors; the flood has twice as many.
descriptors=4096
base=$((21000 + $$ % 8000))
p() { "$bin/parallax" --data-dir "$dir/data" "$@"; }

start_coordinator() {
    (
        ulimit -n $descriptors
        exec "$bin/parallax-coordinator" run --data-dir "$dir/data" \
            --advertise 127.0.0.1 --listen "tcp://127.0.0.1:$base" \
            --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
            --admin-listen "tcp://127.0.0.1:$((base + 2))"
    ) >>"$dir/coordinator.log" 2>&1 &
    coordinator=$!
    pids+=("$coordinator")
}

memory() { awk -v k="^$1:" '$0 ~ k {print $2}' "/proc/$2/status"; } # kB
door() { pgrep -P "$coordinator" | head -n 1; }
counter() { p health --output json | jq ".counters.$1"; }

mkdir -p "$dir/data"
start_coordinator
until_ok 20 p health
kill "$coordinator"
wait "$coordinator" || true
"$storm" keys 64 4 "$dir/keys" | sqlite3 "$dir/data/parallax.db"
start_coordinator
check "a coordinator with $descriptors descriptors serves" until_ok 20 p health
server_key=$(awk '/^public/ {print $2}' "$dir/data/coordinator.key")
token=$(p agents token create --region fra --ttl 1h --uses 100 --quiet)
n_open() { find "/proc/$1/fd" | wc -l; }
coordinator_open=$(($(n_open "$coordinator") + 4)) # with what the command line takes for a moment
door_open=$(($(n_open "$(door)") + 4))
key_bytes=$(($(stat -c %s "$dir/keys") / 64))
head -c "$key_bytes" "$dir/keys" >"$dir/one"

# A flood at the agents' port, and one at the enrolment's, for longer than both agents may take.
"$flood" hold 127.0.0.1 "$base" $((2 * descriptors)) 17 100 >"$dir/hold.out" &
holder=$!
"$flood" hold 127.0.0.1 $((base + 1)) $((2 * descriptors)) 17 100 >"$dir/hold2.out" &
holder2=$!
pids+=("$holder" "$holder2")
is_crowded() { (($(n_open "$coordinator") >= 1000 && $(n_open "$(door)") >= 1000)); }
is_full() { (($(n_open "$coordinator") > descriptors * 9 / 10 && $(n_open "$(door)") > descriptors * 9 / 10)); }
check "the flood is there" until_ok 10 is_crowded
until_ok 3 is_full || true # as far as this machine goes
began=$EPOCHREALTIME
since() { awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}'; }
"$storm" run "tcp://127.0.0.1:$base" "$server_key" "$dir/one" >"$dir/one.out" 2>&1 &
one=$!
{
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/new" && since >"$dir/new.took"
} >"$dir/new.out" 2>&1 &
new=$!
pids+=("$one" "$new")
until_ok 20 grep -q back "$dir/one.out" || true
took=$(awk '/^back/ {print $(NF - 1)}' "$dir/one.out")
check "in a flood of $((2 * descriptors)) an enrolled agent gets in after ${took:-more than 20} s" \
    awk -v t="${took:-99}" 'BEGIN {exit !(t < 10)}'
check "and a new one enrols" wait "$new"
cat "$dir/new.out"
took=$(cat "$dir/new.took" 2>/dev/null || true)
check "… after ${took:-too many} s" awk -v t="${took:-99}" 'BEGIN {exit !(t < 10)}'
check "and the command line is answered" test "$(counter agents_enrolled)" = 1
echo "        at $(since) s: coordinator $(memory VmRSS "$coordinator") kB, $(n_open "$coordinator") descriptors; door $(memory VmRSS "$(door)") kB, $(n_open "$(door)") descriptors"
wait "$holder" "$holder2" || true
cat "$dir/hold.out" "$dir/hold2.out"
kill "$one"
mb=$((($(memory VmHWM "$coordinator") + $(memory VmHWM "$(door)")) / 1024))
check "the coordinator and its door took $mb MB at most" test "$mb" -lt 300
check "it still serves" until_ok 10 p health

# More than the ten that one address may bring at once: who is turned away comes again.
enrolling=()
for n in {1..14}; do
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/crowd$n" >>"$dir/crowd.out" 2>&1 &
    enrolling+=($!)
done
pids+=("${enrolling[@]}")
all_enrol() { local pid; for pid in "${enrolling[@]}"; do wait "$pid" || return 1; done; }
check "agents that come all at once from one address all enrol" all_enrol
were_limited() { (($(counter enrolment_connections_limited) > 0)); }
check "… some of them after being turned away" until_ok 5 were_limited

# Malformed connections: a tenth to warm up, then all; what is kept must not grow. Whoever
# says nothing more is cut after 2 s.
malformed() { # PORT N
    "$flood" malformed 127.0.0.1 "$1" "$2"
}
is_rid() { (($(n_open "$1") <= $2)); } # PID DESCRIPTORS
for port in $base $((base + 1)); do
    pid=$coordinator
    open=$coordinator_open
    [[ $port == "$base" ]] || { pid=$(door) && open=$door_open; }
    malformed "$port" $((connections / 10)) >/dev/null
    check "port $((port - base)): after the first tenth none is held" until_ok 20 is_rid "$pid" "$open"
    before=$(memory VmRSS "$pid")
    malformed "$port" "$connections"
    check "port $((port - base)): after all none is held" until_ok 20 is_rid "$pid" "$open"
    after=$(memory VmRSS "$pid")
    check "port $((port - base)): $connections malformed connections, ${before} kB before, ${after} kB and $(n_open "$pid") descriptors after" \
        test "$after" -lt $((before + before / 5 + 8192))
done
check "it still serves" until_ok 10 p health

# Mutated frames of enrolled agents.
"$flood" frames "tcp://127.0.0.1:$base" "$server_key" "$dir/keys" $((frames / 10)) >/dev/null
idle() { [[ $(counter batches_waiting) == 0 ]] && is_rid "$coordinator" "$coordinator_open"; }
check "what the first tenth sent is dealt with" until_ok 120 idle
before=$(memory VmRSS "$coordinator")
"$flood" frames "tcp://127.0.0.1:$base" "$server_key" "$dir/keys" "$frames"
check "what they sent is dealt with" until_ok 120 idle
after=$(memory VmRSS "$coordinator")
check "$frames mutated frames, $before kB before, $after kB and $(n_open "$coordinator") descriptors after" \
    test "$after" -lt $((before + before / 5 + 16384))
began=$EPOCHREALTIME
check "after all that a new agent enrols" \
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/last"
echo "        within $(since) s"
p health --output json | jq -c '.counters | {messages, messages_malformed, messages_over_rate,
    results_refused, agent_notes_unlogged}'
check "it counted what was malformed" test "$(counter messages_malformed)" -gt 0
check "the door never fell" test "$(counter enrolment_doors_lost)" = 0
check "no line of the log names a secret" \
    awk 'NR == FNR {k[$2]; next} {for (s in k) if (index($0, s)) exit 1}' \
    <(grep -h secret "$dir/data"/*.key) "$dir/coordinator.log"
lines=$(wc -l <"$dir/coordinator.log")
grep -oE 'event=[a-z_]+' "$dir/coordinator.log" | sort | uniq -c | sort -rn | head -n 5
check "and the log has $lines lines" test "$lines" -lt 4000
check_report
