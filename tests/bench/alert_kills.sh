#!/usr/bin/env bash
# kill -9 of the coordinator around transitions: services go down and come back, incidents
# are acknowledged, and the coordinator is killed at any moment of it. In the end every
# notice must have been delivered, repeats only with the same key (tests/lib/notices.py).
#
#   alert_kills.sh BIN_DIR [KILLS [SEED]]      default 1,000 kills, some 4 s each
set -euo pipefail
bin=$(cd "$1" && pwd)
kills=${2:-1000}
RANDOM=${3:-$$}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
dir=$(mktemp -d /tmp/plx-alert-kills-XXXXXX)
coordinator='' peers='' services='' agents=()

cleanup() {
    local pid
    for pid in $coordinator $peers $services "${agents[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

# Ports and addresses that nothing else here uses; ports below the ephemeral range.
base=$((13000 + $$ % 200 * 40)) net=127.$((100 + $$ % 100))
# As many that an outage does not meet the one before it of the same service (an incident
# that comes back too often is flapping, and quiet).
n_hosts=$((kills < 20 ? 20 : kills < 240 ? kills : 240))
host() { printf '%s.%d.%d' "$net" $(($1 / 8)) $(($1 % 8 + 1)); }

p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }

start_coordinator() {
    "$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" --http-listen off --log-level warn \
        >>"$dir/coordinator.log" 2>&1 &
    coordinator=$!
}

# nap MOST: a random part of so many milliseconds.
nap() {
    local ms=$((RANDOM * $1 / 32768))
    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
}

mkdir -p "$dir/coordinator"
addresses=()
for ((i = 0; i < n_hosts; i++)); do addresses+=("$(host "$i"):$((base + 5))"); done
coproc SERVICES { exec python3 "$here/../lib/services.py" "${addresses[@]}"; }
services=$SERVICES_PID
# A copy: bash forgets the coprocess's own when it ends.
exec {tell}>&"${SERVICES[1]}" {hear}<&"${SERVICES[0]}"
read -r -t 20 -u "$hear" _
# put up|down HOST
put() {
    printf '%s %s:%d\n' "$1" "$(host "$2")" $((base + 5)) >&"$tell"
    read -r -t 20 -u "$hear" _
}
python3 "$here/../lib/webhook_peer.py" "$dir" good=$((base + 3)) late=$((base + 4)) >"$dir/peers.log" 2>&1 &
peers=$!
until_ok 20 grep -q ready "$dir/peers.log"
start_coordinator
until_ok 30 p health || { cat "$dir/coordinator.log"; exit 1; }
for place in us-a eu-b ap-c; do
    token=$(p agents token create --region "${place%-*}" --label "provider=${place#*-}" --quiet)
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/$place" --name "$place" >/dev/null
    "$bin/parallax-agent" run --data-dir "$dir/$place" >>"$dir/$place.log" 2>&1 &
    agents+=($!)
done
{
    cat <<YAML
receivers:
  - {name: good, kind: webhook, url: 'http://127.0.0.1:$((base + 3))/hook', max_per_minute: 6000}
  - {name: late, kind: webhook, url: 'http://127.0.0.1:$((base + 4))/hook', max_per_minute: 6000}
routes:
  - {match: {severity: critical}, receivers: [good, late], repeat: 1m}
monitors:
YAML
    for ((i = 0; i < n_hosts; i++)); do
        echo "  - {monitor_type: tcp, name: s$i, host: $(host "$i"), port: $((base + 5)), check_interval: 2s,"
        echo "     timeout: 2s, locations: [us, eu, ap]}"
    done
} >"$dir/all.yaml"
p apply -f "$dir/all.yaml" >/dev/null
all_up() { [[ $(p status -o json | jq '[.monitors[] | select(.verdict != "up")] | length') == 0 ]]; }
check "all $n_hosts are up" until_ok 120 all_up

# ---- killed ----

acks=()
began=$SECONDS
for ((k = 0; k < kills; k++)); do
    # One goes down; the one of three turns ago comes back.
    put down $((k % n_hosts))
    ((k < 3)) || put up $(((k - 3) % n_hosts))
    if ((RANDOM % 3 == 0)); then
        nap 2000
        id=$(p incidents list -o json 2>/dev/null |
            jq -r '[.incidents[] | select(.announced != null and .acked == null)][0].id // empty') || id=''
        if [[ -n $id ]]; then
            # Killed while it is told.
            if p incidents ack "$id" "on it" >/dev/null 2>&1; then acks+=("$id"); fi
            nap 60
        fi
    else
        nap 6000
    fi
    kill -KILL "$coordinator"
    wait "$coordinator" 2>/dev/null || true
    start_coordinator
    until_ok 60 p health || { tail -n 20 "$dir/coordinator.log"; exit 1; }
    if ((k % 100 == 99)); then echo "        $((k + 1)) kills in $((SECONDS - began)) s"; fi
done
for ((i = 0; i < n_hosts; i++)); do put up "$i"; done

# ---- what was told ----

none_open() { [[ $(p incidents list -o json | jq '.incidents | length') == 0 ]]; }
check "after $kills kills everything is over in the end" until_ok 1200 none_open
store() { sqlite3 -readonly "file:$dir/coordinator/parallax.db?mode=ro" "$1"; }
settled() { [[ $(store "SELECT count(*) FROM outbox WHERE state = 'waiting'") == 0 ]]; }
check "the outbox is empty" until_ok 120 settled
touch "$dir/good.jsonl" "$dir/late.jsonl"
check "every notice arrived, repeats only with the same key" \
    python3 "$here/../lib/notices.py" "$dir/coordinator/parallax.db" "good=$dir/good.jsonl" "late=$dir/late.jsonl"
check "and there were some" test -s "$dir/good.jsonl"
# lost_acks: what was said to be done and is not there.
lost_acks() {
    comm -23 <(printf '%s\n' "${acks[@]}" | sed '/^$/d' | sort -u) \
        <(store "SELECT DISTINCT incident_id FROM incident_entries WHERE what = 'acknowledged'" | sort -u)
}
check "no acknowledgement that was answered is lost" [ -z "$(lost_acks)" ]
echo "        ${#acks[@]} acknowledgements, $((SECONDS - began)) s"
check_report
