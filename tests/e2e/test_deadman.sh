#!/usr/bin/env bash
# Signs of life: the coordinator's heartbeat while it works, and an agent's own webhook when
# it has been gone for too long, again while it stays gone, and once when it is back.
#
#   test_deadman.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

start() { coordinator_start --heartbeat-url "http://127.0.0.1:$((base + 4))/beat"; }
python3 "$here/../lib/webhook_peer.py" "$dir" "beat=$((base + 4))" "dead=$((base + 5))" >"$dir/peers.log" 2>&1 &
pids+=($!)
until_ok 10 grep -q ready "$dir/peers.log"
start
beats() { [[ $(wc -l <"$dir/beat.jsonl") -ge 1 ]]; }
check "the coordinator gives a sign of life" until_ok 10 beats

printf 'dead or alive\n' >"$dir/secret"
cat >"$dir/agent.yaml" <<YAML
deadman:
  url: http://127.0.0.1:$((base + 5))/dead
  secret_file: $dir/secret
  after: 6s
  repeat: 3s
YAML
agent_enrol us-1
agent_start us-1 --config "$dir/agent.yaml"
check "the agent is there" until_ok 30 grep -q event=link_up "$dir/us-1.log"
check "and says nothing" [ ! -s "$dir/dead.jsonl" ]

says() { [[ $(jq -r '.body | fromjson | .event' "$dir/dead.jsonl" 2>/dev/null | grep -c "$1") -ge $2 ]]; }
coordinator_stop KILL
check "the coordinator is gone: it says so" until_ok 40 says coordinator_gone 1
check "and again" until_ok 30 says coordinator_gone 2
check "who and since when" jq -se '.[0].body | fromjson | .agent == "us-1" and .region == "us" and .away_seconds >= 6 and .last_seen != null' "$dir/dead.jsonl"
signed=$(python3 - "$dir/dead.jsonl" <<'PY'
import hashlib, hmac, json, sys
line = json.loads(open(sys.argv[1], encoding="utf-8").readline())
parts = dict(p.split("=") for p in line["headers"]["X-Parallax-Signature"].split(","))
mac = hmac.new(b"dead or alive", (parts["t"] + "." + line["body"]).encode(), hashlib.sha256)
print(mac.hexdigest() == parts["v1"])
PY
)
check "signed" [ "$signed" = True ]
start
check "it is back: said once" until_ok 90 says coordinator_back 1
n=$(wc -l <"$dir/dead.jsonl")
sleep 4 # longer than `repeat`: what does not happen has no condition to wait for
check "and then nothing" [ "$(wc -l <"$dir/dead.jsonl")" = "$n" ]
check_report
