#!/usr/bin/env bash
# Keys change without anybody being shut out, and what was changed away from is shut out:
# the agent's key while it is connected, the coordinator's key with an agent connected and
# one away, and a rotation that would lose an agent is refused.
#
#   test_keys.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
dir=$(mktemp -d /tmp/plx-keys-XXXXXX)
declare -A pids

cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

base=$((21000 + $$ % 8000))
p() { "$bin/parallax" --data-dir "$dir/data" "$@"; }
start_agent() {
    "$bin/parallax-agent" run --data-dir "$dir/$1" >>"$dir/$1.log" 2>&1 &
    pids[$1]=$!
}
stop_agent() { kill "${pids[$1]}" || true; wait "${pids[$1]}" 2>/dev/null || true; }
agent() { p agents list --output json | jq -r --arg n "$1" ".agents[] | select(.name == \$n) | .$2"; }
connected() { [[ $(agent "$1" connected) == true ]]; }
not_connected() { [[ $(agent "$1" connected) == false ]]; }
all_know() { [[ $(p keys show --output json | jq '.unaware | length') == 0 ]]; }
public() { awk '/^public/ {print $2}' "$1"; }
holds() { grep -q -F -e "$2" "$dir/$1/enrolment.yaml"; }

mkdir "$dir/data"
"$bin/parallax-coordinator" run --data-dir "$dir/data" --advertise 127.0.0.1 \
    --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
    --admin-listen "tcp://127.0.0.1:$((base + 2))" >"$dir/coordinator.log" 2>&1 &
pids[coordinator]=$!
check "the coordinator serves" until_ok 20 p health
token=$(p agents token create --region fra --uses 3 --quiet)
for name in one two; do
    "$bin/parallax-agent" enroll "$token" --data-dir "$dir/$name" --name $name >/dev/null
    start_agent $name
done
check "both agents know the coordinator's next key" until_ok 20 all_know
check "keys are for their owner only" \
    test -z "$(find "$dir" -name '*.key' -perm /077)"
secrets_elsewhere() {
    local file
    while IFS= read -r file; do
        grep -rlF -e "$(awk '/^secret/ {print $2}' "$file")" "$dir" \
            --exclude="$(basename "$file")" || true
    done < <(find "$dir" -name '*.key')
}
check "no secret key is in another's folder or a log" test -z "$(secrets_elsewhere)"

# The agent's own.
cp "$dir/one/agent.key" "$dir/old.key"
old=$(agent one key)
p agents rotate-key one >/dev/null
changed() { [[ $(agent one key) != "$old" && $(public "$dir/one/agent.key") == "$(agent one key)" ]]; }
retired() { grep -q 'event=agent_old_key_retired agent=one' "$dir/coordinator.log"; }
check "an agent makes itself a new key" until_ok 20 changed
check "its old key is retired once the new is used" until_ok 20 retired
check "and it is connected" until_ok 20 connected one
install -d -m 700 "$dir/thief"
cp -p "$dir/one/enrolment.yaml" "$dir/thief/"
cp -p "$dir/old.key" "$dir/thief/agent.key"
knocks() { p health --output json | jq .gate.refused; }
known=$(knocks)
start_agent thief
refused() { [[ $(knocks) -gt $known ]] && grep -q event=key_refused "$dir/coordinator.log"; }
check "a thief of the old key is refused, which is logged" until_ok 30 refused
stop_agent thief

# The coordinator's, with one agent there and one away.
before=$(public "$dir/data/coordinator.key")
next=$(p keys show --output json | jq -r .next_key)
stop_agent two
check "two is away" until_ok 20 not_connected two
code=0
out=$(p keys rotate 2>&1) || code=$?
check "a rotation that may lose an agent is refused: $out" test "$code" -ne 0
check "and changes nothing" test "$(public "$dir/data/coordinator.key")" = "$before"
check "unless it is forced" p keys rotate --force
readies() { [[ $(grep -c event=ready "$dir/coordinator.log") -ge $1 ]]; }
now_is() { [[ $(p keys show --output json | jq -r .server_key) == "$1" ]]; }
check "and the command ends when the coordinator has started again" readies 2
check "it serves with the next key" until_ok 20 now_is "$next"
check "the agent that was there is back" until_ok 20 connected one
check "and holds the new key" until_ok 20 holds one "$next"
start_agent two
check "the agent that was away comes back by the key it had been told" \
    until_ok 60 connected two
check "and learns of the one after" until_ok 20 all_know
check "it is the same process" kill -0 "${pids[coordinator]}"
again=$(p keys show --output json | jq -r .next_key)
check "a second rotation, with all aware, needs no force" p keys rotate
check "it has started again" readies 3
check "it is done" until_ok 20 now_is "$again"
check "both are back" until_ok 30 connected one
check "… both" until_ok 30 connected two
check "who rotated it is in the log of changes, with the keys that all may know" test \
    "$(p changes --kind key --output json | jq -c '[.changes[].fields[]]')" = \
    "$(jq -nc --arg a "$before" --arg b "$next" --arg c "$again" \
        '[{key: "key", was: $b, now: $c}, {key: "key", was: $a, now: $b}]')"
new=$(p agents token create --region fra --quiet)
check "tokens still enrol" "$bin/parallax-agent" enroll "$new" --data-dir "$dir/three"
check "nobody's results were lost to it" \
    test "$(p health --output json | jq .counters.messages_malformed)" = 0
check_report
