#!/usr/bin/env bash
# The command line against a real coordinator: monitors from file to file and back, tokens,
# exit codes, every output format, and what it says when nobody answers.
#
#   test_cli.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

check "no admin file: bad usage" exits 2 p status
check "… and a way out" says '*--data-dir*'

coordinator_start

check "nothing to see yet" exits 0 p status
check "… and what to do" says '*parallax apply -f FILE*'

cat >"$dir/one.yaml" <<'YAML'
monitors:
- host: db.example
  port: 5432
  locations: [us-east, eu-west]
  labels: {team: core}
- name: gateway
  host: 192.0.2.1
  port: 22
  locations: all
YAML
check "a dry run" exits 0 p apply -f "$dir/one.yaml" --dry-run
check "… tells what would be" says '*+ gateway*would be: 2 added*nothing was changed*'
check "… and does nothing" exits 0 p monitors list --output json
check "… indeed" test "$(jq '.monitors | length' <<<"$out")" = 0
check "diff says no" exits 1 p diff -f "$dir/one.yaml"
check "apply" exits 0 p apply -f "$dir/one.yaml"
check "apply again changes nothing" exits 0 p apply -f "$dir/one.yaml"
check "… and says so" says 'nothing to change*'
check "diff says yes" exits 0 p diff -f "$dir/one.yaml"

sed 's/port: 22/port: 22\n  check_interval: 5 seconds/' "$dir/one.yaml" >"$dir/two.yaml"
check "a change" exits 0 p apply -f "$dir/two.yaml"
check "… key by key" says '*~ gateway*check_interval: 1m → 5s*timeout: 10s → 5s*1 changed*'

sed 's/^  port: 5432/  port: 70000/; s/22/23/' "$dir/one.yaml" >"$dir/bad.yaml"
check "a bad file" exits 2 p apply -f "$dir/bad.yaml"
check "… has a place" says "$dir/bad.yaml:3:9: 'port' must be *70000*"
check "… and changes nothing" exits 0 p diff -f "$dir/two.yaml"

p monitors export >"$dir/export.yaml"
check "an export applies unchanged" exits 0 p diff --prune -f "$dir/export.yaml"
p monitors export --output json >"$dir/export.json"
check "… as JSON too" exits 0 p diff --prune -f "$dir/export.json"
check "… from standard input too" exits 0 p diff --prune -f - <"$dir/export.yaml"
check "several files are one" exits 2 p apply -f "$dir/one.yaml" "$dir/two.yaml"
check "… in which names are unique" says '*one.yaml*two.yaml*'

check "add" exits 0 p monitors add '[2001:db8::1]:443' -l us-east,provider=aws \
    --name v6 --interval 30s --label a=b --set min_coverage=60%
p monitors show v6 --output json >"$dir/v6.json"
check "… as was said" test "$(jq -c '.monitor | [.host, .port, .locations, .check_interval,
    .labels, .min_coverage]' "$dir/v6.json")" = \
    '["2001:db8::1",443,["us-east","provider=aws"],"30s",{"a":"b"},"60%"]'
check "depend on it" exits 0 p monitors add h:2 -l all --name v7 --set 'depends_on=[v6]'
p monitors export --output json | jq '.monitors |= map(if .name == "v6" then .depends_on = ["v7"] else . end)' \
    >"$dir/ring.json"
check "depending on one another" exits 2 p apply -f "$dir/ring.json"
jq '.monitors |= map(select(.name == "v6"))' "$dir/ring.json" >"$dir/half.json"
check "… also if one is there already" exits 2 p apply -f "$dir/half.json"
check "… is said" says "*half.json: 'depends_on' leads in a circle: 'v6' → 'v7' → 'v6'"
check "… and taken back" exits 0 p monitors rm v7
check "add twice" exits 2 p monitors add h:1 -l all --name v6
check "add with a typo" exits 2 p monitors add h:1 -l all --set min_covrage=1%
check "… is told" says "*did you mean 'min_coverage'?*"
check "edit" exits 0 env EDITOR='sed -i s/60%/70%/' "$bin/parallax" --data-dir "$dir/coordinator" \
    monitors edit v6
check "… shows the change" says '*min_coverage: 60% → 70%*'
check "pause" exits 0 p monitors pause v6 gateway
check "resume" exits 0 p monitors resume gateway
check "status of the unjudged" exits 3 p status
check "status of the paused" exits 0 p status v6
check "… by label" exits 0 p status --label a=b --output csv
check "… which is a line" test "$(wc -l <<<"$out")" = 2
check "remove" exits 0 p monitors rm v6
check "remove what is not there" exits 2 p monitors rm v6
check "… is told" says "*there is no monitor 'v6'*"
check "prune" exits 0 p apply --prune -f <(sed '/gateway/,$d' "$dir/one.yaml")
check "… removes" says '*- gateway*1 removed*'

check "a check without agents" exits 2 p check 127.0.0.1:22
token=$(p agents token create --region us-east --ttl 10m --uses 2 --label provider=aws 2>/dev/null)
check "a token alone on a line" test "$(wc -l <<<"$token")" = 1
check "… begins as it should" test "${token:0:5}" = plx1.
check "tokens are listed without their secret" exits 0 p agents token list --output json
check "… indeed" test "$(jq -c '.tokens[0] | [.region, .uses_left, .labels, .token]' <<<"$out")" = \
    '["us-east",2,{"provider":"aws"},null]'
check "revoke it" exits 0 p agents token revoke "$(jq '.tokens[0].id' <<<"$out")"
check "… and it is gone" exits 0 p agents token list --output csv
check "… indeed" test "$(wc -l <<<"$out")" = 1
printf '%s\n' '- {name: "=HYPERLINK(1)", host: db.example, port: 1, locations: [nowhere], paused: true}' '- {name: "-a,b", host: db.example, port: 2, locations: [nowhere], paused: true}' >"$dir/formula.yaml"
check "names that are formulas" exits 0 p apply -f "$dir/formula.yaml"
check "a CSV of them" exits 0 p monitors list --output csv
check "… is no formula to a spreadsheet" says "*'=HYPERLINK(1),*"
check "… nor within quotes" says "*\"'-a,b\",*"
p monitors rm '=HYPERLINK(1)' >/dev/null
p monitors rm -- '-a,b' >/dev/null
check "locations that nobody serves" exits 0 p locations list --output csv
check "… are those that monitors name" says '*us-east,0,0,*'
check "no agents" exits 0 p agents list
check "… and what to do" says '*token create*'
check "an agent that is not there" exits 2 p agents show nobody

for format in table json csv yaml; do
    for command in status 'monitors list' 'agents list' health 'history db.example:5432' \
        'explain db.example:5432' 'status db.example:5432' 'monitors show db.example:5432'; do
        code=0
        # shellcheck disable=SC2086  # words of a command
        p $command --output $format >"$dir/out" 2>&1 || code=$?
        [[ $code -eq 0 || $code -eq 3 ]] || not_ok "$command as $format: exit $code"
        [[ $format != json ]] || jq -e . "$dir/out" >/dev/null || not_ok "$command: no JSON"
    done
done
ok "every answer in every format"

# 30,000 monitors: a request and an answer of many frames.
python3 -c '
print("monitors:")
for i in range(30000):
    print("- {name: m%d, host: 10.%d.%d.%d, port: 80, locations: [all]}"
          % (i, i >> 16, i >> 8 & 255, i & 255))' >"$dir/many.yaml"
check "30,000 monitors" exits 0 p apply -f "$dir/many.yaml"
check "… arrive" test "$(p monitors list --output json | jq '.monitors | length')" = 30001
check "… and leave" exits 0 p apply --prune -f "$dir/one.yaml"

# One provider with an agent that runs and one that never did, and an agent without any.
check "no providers" exits 0 p providers list
check "… and what to do" says '*--label provider=NAME*'
for name in a-1 a-2; do agent_enrol "$name" --label provider=acme; done
agent_enrol b-1
echo 'log: {format: text}' >"$dir/text.yaml"
agent_start a-1 --config "$dir/text.yaml" --log-format json
is_live() { [[ $(p agents show "$1" --output json | jq -r .agent.state) == live ]]; }
until_ok 60 is_live a-1 || true
check "providers" exits 0 p providers list --output csv
check "… and how many of each are live" says $'provider,agents,live\nacme,2,1\n(no label),1,0'
check "… as JSON" exits 0 p providers list --output json
check "… in which no label is null" test "$(jq -c '.providers' <<<"$out")" = \
    '[{"provider":"acme","agents":2,"live":1},{"provider":null,"agents":1,"live":0}]'
check "one shut out counts no more" exits 0 p agents revoke b-1
check "… indeed" test "$(p providers list --output json | jq '.providers | length')" = 1
check "labels of its own for an agent" exits 0 p agents label a-1 --label rack=7
labels() { p agents show a-1 --output json | jq -c .agent.labels; }
check "… instead of its token's" test "$(labels)" = '{"rack":"7"}'
check "… or none" exits 0 p agents label a-1 --none
check "… indeed" test "$(labels)" = '{}'
check "a trace of one flow and one hop" exits 0 p trace "127.0.0.1:$((base + 3))" --from a --flows 1 --hops 1 --ip 4
check "… there is no way by IPv6 to an address of IPv4" exits 3 p trace "127.0.0.1:$((base + 3))" --from a --flows 1 --ip 6
agent_stop a-1
check "an agent that is told --log-format json logs it, whatever the file says" \
    jq -es 'all(.event and .level) and (map(.event) | index("started") and index("stopped"))' "$dir/a-1.log"
check "… and there are two formats" exits 2 "$bin/parallax-agent" run --log-format xml --data-dir "$dir/a-1"
check "… which is said" says '*unknown log format*xml*'

check "no incident was ever closed" exits 0 p incidents list --closed --output json
check "… indeed" test "$(jq '.incidents | length' <<<"$out")" = 0
first=$(p tokens create robot 2>/dev/null)
check "a second token of a name" exits 2 p tokens create robot
second=$(p tokens create robot --replace 2>/dev/null)
check "… takes the place of the first, if told to" test -n "$second" -a "$first" != "$second" \
    -a "$(p tokens list --output json | jq '[.tokens[] | select(.name == "robot")] | length')" = 1

check "who changed a monitor, and what" exits 0 p changes --kind monitor --object v6
check "… newest first" says '*monitor_removed*monitor_changed*false → true*monitor_changed*60% → 70%*monitor_added*'
check "… is theirs who did" test "$(p changes --object v6 --output json |
    jq -r '[.changes[].who] | unique[]')" = "admin $(sed -n 's/^public //p' "$dir/coordinator/admin.key" | cut -c 1-8)"
check "of 30,000 at once" exits 0 p changes --kind monitor --limit 1000 --output json
check "… some have a line" test "$(jq '[.changes[] | select(.object | test("^m[0-9]+$"))] | length' <<<"$out")" -ge 998
check "… and the sum says that not all have" test "$(jq -r '[.changes[] |
    select(.what == "monitors_applied") | .detail] | first' <<<"$out")" = \
    "1 created, 0 updated, 30000 removed; not each has a line"
check "labels of an agent" exits 0 p changes --kind agent --object a-1 --limit 1 --output csv
check "… before and after, key by key" says '*,agent_labels,a-1,*,rack,7,*there are older ones: --after*'
check "a token that was replaced" exits 0 p changes --kind token --output json
check "… is said to have another secret" test "$(jq -c '.changes[0] | [.what, .object, .fields]' <<<"$out")" = \
    '["api_token_put","robot",[{"key":"secret","was":null,"now":null}]]'
p changes --limit 1000 --output json >"$dir/changes"
check "no secret is in it" test "$(grep -c -e "$first" -e "$second" -e "$token" "$dir/changes")" = 0
check "one page after the other" test "$(p changes --limit 3 --output json --after \
    "$(p changes --limit 2 --output json | jq .next)" | jq -c '[.changes[].id]')" = \
    "$(jq -c '[.changes[2:5][].id]' "$dir/changes")"
check "nothing since then" exits 0 p changes --since 2100-01-01T00:00:00Z
check "… is said" says 'no such changes'
check "a kind that is none" exits 2 p changes --kind monitors
check "… is quoted" says "*'monitors'"
check "a time is a duration, said in either way" exits 0 p changes --since "1s ago"
check "… or one that there is" exits 2 p changes --since 2026-02-30T00:00:00Z
check "… and is quoted" says "*'2026-02-30T00:00:00Z' is no duration*"

check "a type of event that is none" exits 2 p events --type verdicts
check "… is told which there are" says "*verdict, fault, incident, place or agent: 'verdicts'"
check "all events that are kept" exits 0 p events --last 4096 --output json
newest=$(jq -s 'map(.no) | max' <<<"$out")
check "the last event is the newest" test "$(p events --last 1 --output json | jq .no)" -ge "$newest"
check "the last of a type are looked for among all" test "$(p events --type agent --last 1 -o json | jq -r .type)" = agent
# By itself, or by SIGPIPE if something happened meanwhile; 124: not at all.
{ timeout 60 "$bin/parallax" --data-dir "$dir/coordinator" events --follow || echo $? >"$dir/followed"; } |
    head -n 1 >"$dir/first"
check "who follows events ends when nobody reads them any more" test "$(cat "$dir/followed")" -ne 124
check "a backup's name is what it is" exits 0 p backup "$dir/a?b#c%41.db"
check "… and so it is read back" exits 0 p restore "$dir/a?b#c%41.db" --data-dir "$dir/restored"
check "a backup that is not there" exits 2 p restore "$dir/none.db" --data-dir "$dir/restored"

mkdir -p "$dir/stranger"
sed 's/^key:.*/key: "other.key"/' "$dir/coordinator/admin.yaml" >"$dir/stranger/admin.yaml"
sed "1,\$s/^\(public\|secret\) .\{5\}/\1 aaaaa/" "$dir/coordinator/admin.key" >"$dir/stranger/other.key"
chmod 600 "$dir/stranger/other.key"
check "a key that nobody knows" exits 4 "$bin/parallax" --admin "$dir/stranger/admin.yaml" status
check "… is told so" says '*does not admit our key*'
chmod 644 "$dir/stranger/other.key"
check "a key file that all may read" exits 5 "$bin/parallax" --admin "$dir/stranger/admin.yaml" status
check "… is told so" says '*chmod 600*'

coordinator_stop
check "nobody there" exits 4 p status
check "… is told at once" says '*is it running?*'
check_report
