#!/usr/bin/env bash
# A service goes down and comes back before the eyes of a real coordinator and three real
# agents; then the past is judged again: from the coordinator, from an exported recording,
# under other rules, and at a moment of its own.
#
#   test_replay.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"
declare -A served
shop=127.0.3.1
half=127.0.4.2

# export_to NAME ARG…: into NAME.jsonl.
export_to() { p results export "${@:2}" >"$dir/$1.jsonl"; }

# listen NAME ADDRESS: a port that takes connections.
listen() {
    python3 -c '
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    s.accept()[0].close()' "$2" $((base + 10)) &
    served[$1]=$!
    pids+=($!)
    until_ok 20 connects "$2"
}

connects() { (: <"/dev/tcp/$1/$((base + 10))") 2>/dev/null; }

is() { [[ $(p status "$1" --output json | jq -r '.monitors[0].verdict') == "$2" ]]; }

coordinator_start
for name in us-east-1 eu-west-1 ap-south-1; do
    agent_enrol "$name"
    agent_start "$name"
done
listen shop "$shop"
listen half "$half"
cat >"$dir/monitors.yaml" <<YAML
monitors:
- {name: shop, host: $shop, port: $((base + 10)), check_interval: 2s, timeout: 1s, locations: [all]}
- {name: half, host: $half, port: $((base + 10)), check_interval: 2s, timeout: 1s, locations: [all]}
YAML
p apply -f "$dir/monitors.yaml" >/dev/null
check "the shop is up" until_ok 60 is shop up
check "the other one too" until_ok 60 is half up
sleep 1.5
up_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sleep 3

kill "${served[shop]}"
wait "${served[shop]}" 2>/dev/null || true
check "it goes down" until_ok 60 is shop service_down
sleep 5
down_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sleep 1
listen shop "$shop"
check "it comes back" until_ok 60 is shop up
# A recording has a tick a second, the coordinator two: what it has said by now, a replay
# says a moment later.
sleep 5

# ---- the same rules ----
check "a replay tells the same pages" exits 0 p replay --since 10m
check "… one of them" says '*1 page would have been sent, 1 was; 0 differ*'
check "… as data" exits 0 p replay --since 10m --output json
check "… in full" test "$(jq -c '[.against, .same, .would_page, .did_page,
    (.pages[0] | .change, .would.class, .would.entity, .would.monitors, .would.page,
    (.would.lasted_s > 4), (.starts_later_s | fabs < 5), (.would.sentence | length > 20))]' \
    <<<"$out")" = \
    '["recorded",true,1,1,"same","service","shop",["shop"],true,true,true,true]'
check "… only of what is asked for" exits 0 p replay --since 10m --monitor half
check "… which is none" says '0 pages would have been sent*'
check "… of a time before it" exits 0 p replay --since 10m --until "$up_at"
check "… which is none" says '0 pages would have been sent*'

# ---- a recording ----
check "an export" exits 0 export_to recording --since 10m
check "… is what judge reads" test "$("$bin/parallax" judge <"$dir/recording.jsonl" |
    jq -r 'select(.type == "verdict" and .monitor == "shop") | .verdict' |
    tail -n 2 | paste -sd ' ')" = "service_down up"
check "… has all kinds of lines" test "$(jq -r .type "$dir/recording.jsonl" | sort -u |
    paste -sd ' ')" = "agent heartbeat monitor recorded recording result tick"
check "… in order of time" exits 0 jq -ne '[inputs.now | numbers] | . == sort' "$dir/recording.jsonl"
check "… replays the same" exits 0 "$bin/parallax" replay "$dir/recording.jsonl"
check "… without what was recorded too" exits 0 "$bin/parallax" replay \
    "$dir/recording.jsonl" --against default
check "… through a pipe, byte for byte" cmp \
    <("$bin/parallax" replay -o json - <"$dir/recording.jsonl") \
    <("$bin/parallax" replay -o json "$dir/recording.jsonl")
check "an export of one monitor" exits 0 export_to half --monitor half
check "… has that one" test "$(jq -r 'select(.type == "result").monitor' "$dir/half.jsonl" |
    sort -u)" = half

# ---- other rules: one location that sees `half` refused for a while ----
jq -c 'if .type == "result" and .monitor == "half" and .agent == "us-east-1" and
    .now > (now - 3600) and $down < .now and .now < $down + 8
    then .outcome = "refused" else . end' \
    --argjson down "$(jq -rs 'map(select(.type == "recorded" and .verdict == "service_down"))
        [0].at' "$dir/recording.jsonl")" "$dir/recording.jsonl" >"$dir/partial.jsonl"
check "one location alone pages nobody" exits 0 "$bin/parallax" replay "$dir/partial.jsonl"
check "… but by quorum any" exits 1 "$bin/parallax" replay "$dir/partial.jsonl" \
    --quorum any --output json
check "… it would" test "$(jq -c '[.changes.would_page, .changes.same, (.pages[] |
    select(.change == "would_page").would.monitors[0])]' <<<"$out")" = '[1,1,"half"]'
check "… not by quorum all" exits 0 "$bin/parallax" replay "$dir/partial.jsonl" --quorum all
jq -c 'if .type == "result" and .monitor == "shop" and .agent == "us-east-1" and
    .outcome == "refused" then .outcome = "open" else . end' \
    "$dir/recording.jsonl" >"$dir/two.jsonl"
check "with one location content, quorum all does not page" exits 1 "$bin/parallax" replay \
    "$dir/two.jsonl" --quorum all
check "… though it was paged" says '*paged, would not*'
check "a high bar pages later or never" exits 1 "$bin/parallax" replay \
    "$dir/recording.jsonl" --theta 500
check "… by another way to say it" exits 1 "$bin/parallax" replay "$dir/recording.jsonl" \
    --policy theta=500

check "times that differ are told from those that do not" test "$("$bin/parallax" replay \
    "$dir/recording.jsonl" --tolerance 0s -o json | jq '.pages[0] | (.starts_later_s == 0) == (.change == "same")')" = true
jq -c 'select((.type == "result" and .monitor == "shop" and .agent == "us-east-1") | not)' \
    "$dir/recording.jsonl" >"$dir/unseen.jsonl"
check "of a location that saw nothing, a whole coverage pages nobody" test "$("$bin/parallax" replay \
    "$dir/unseen.jsonl" --min-coverage 100% -o json | jq .would_page)" = 0

# ---- what is wrong ----
sed '9s/.*/{"type":"result"}/' "$dir/recording.jsonl" >"$dir/bad.jsonl"
check "a bad line" exits 2 "$bin/parallax" replay "$dir/bad.jsonl"
check "… is named" says 'parallax: replay: line 9: field "now" is missing'
check "a cut line" exits 2 "$bin/parallax" replay <(head -c -5 "$dir/recording.jsonl")
check "… is named" says "*replay: line $(wc -l <"$dir/recording.jsonl"): not JSON*"
check "no ticks" exits 2 "$bin/parallax" replay <(grep -v '"tick"' "$dir/recording.jsonl")
check "no file" exits 2 "$bin/parallax" replay "$dir/nothing"
check "nothing at all" exits 2 p replay
check "both" exits 2 p replay --since 1h "$dir/recording.jsonl"
check "a quorum that is none" exits 2 p replay --since 1h --quorum most
check "a key that is none" exits 2 p replay --since 1h --policy teta=3
check "… is told" says "*did you mean 'theta'?*"
check "a monitor that is none" exits 2 p replay --since 1h --monitor shopp
check "a time that is none" exits 2 p results export --since yesterday

# ---- explain at a moment ----
check "then it was down" exits 0 p explain shop --at "$down_at" --output json
check "… and why" test "$(jq -c '[.verdict, .scope, .coverage.assigned,
    ([.locations[].outcome] | unique), .covering_faults[0].class, .covering_faults[0].page,
    .history[0].verdict]' <<<"$out")" = \
    '["service_down","shop",3,["refused"],"service",true,"service_down"]'
check "… for people" exits 0 p explain shop --at "$down_at"
check "… too" says '*service_down*LOCATION*refused*What explains it*Recent changes*'
check "before that it was up" exits 0 p explain shop --at "$up_at" --output json
check "… indeed" test "$(jq -r .verdict <<<"$out")" = up
check "a while ago" exits 0 p explain shop --at "1s ago"
check "the future" exits 2 p explain shop --at "$(date -u -d '30 minutes' +%Y-%m-%dT%H:%M:%SZ)"
check "… is not known" says '*in the future*'
check "the far past" exits 2 p explain shop --at "10d ago"
check "… is not stored" says '*nothing is stored from before*'
check "a monitor that is not there" exits 2 p explain shopp --at "1s ago"
check_report
