#!/usr/bin/env bash
# From a dead service to a webhook and back, with real processes on loopback: open,
# acknowledge, resolve; a silence; receivers that hang, fail, redirect and flood; what is
# refused at apply; and kill -9 of the coordinator around transitions, after which every
# notice has been delivered, repeats only with the same key. Three services in networks of
# their own live this at the same time: web all of it, db silenced, app to be killed around.
#
#   test_alerts.sh BIN_DIR [KILLS]
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

start() { coordinator_start --secrets-dir "$dir/secrets"; }

# put up|down NAME…: the services.
declare -A where=([web]=127.0.5.1:$((base + 30)) [db]=127.0.7.1:$((base + 30)) [app]=127.0.8.1:$((base + 30)))
put() {
    local name
    for name in "${@:2}"; do
        printf '%s %s\n' "$1" "${where[$name]}" >&"$tell"
        read -r -t 20 -u "$hear" _
    done
}

# events MANNER [EVENT]: bodies that receiver got, of that event.
events() {
    jq -c --arg event "${2-}" '.body | fromjson | select($event == "" or .event == $event)' \
        "$dir/$1.jsonl" 2>/dev/null || true
}
n_events() { events "$@" | wc -l; }
# unique MANNER EVENT: how many, one that came again with its key counted once.
unique() { events "$@" | jq -r .key | sort -u | wc -l; }
has_events() { [[ $(n_events "$1" "$2") -ge $3 ]]; }
verdict_is() { [[ $(p status "$1" -o json | jq -r '.monitors[0].verdict') == "$2" ]]; }
all_up() { p status -o json | jq -e '(.monitors | length) == 3 and all(.monitors[]; .verdict == "up")'; }

mkdir "$dir/secrets"
printf 'a secret of ours\n' >"$dir/secrets/hook"
start
for place in us-a eu-b ap-c; do
    agent_enrol "$place" --label "provider=${place#*-}"
    agent_start "$place"
done

coproc SERVICES { exec python3 "$here/../lib/services.py" "${where[@]}"; }
pids+=("$SERVICES_PID")
# A copy: bash forgets the coprocess's own when it ends.
exec {tell}>&"${SERVICES[1]}" {hear}<&"${SERVICES[0]}"
read -r -t 20 -u "$hear" _
manners=(good late error refuse redirect hang huge flaky calm steady)
# Of those that never take it: soon given up.
declare -A timeouts=([hang]=2s [huge]=2s) ends=([error]=10s [refuse]=10s [redirect]=10s [hang]=10s [huge]=10s)
words=()
for i in "${!manners[@]}"; do words+=("${manners[i]}=$((base + 10 + i))"); done
python3 "$here/../lib/webhook_peer.py" "$dir" "${words[@]}" >"$dir/peers.log" 2>&1 &
pids+=($!)
until_ok 30 grep -q ready "$dir/peers.log"

# ---- what is refused ----

# refused WHAT PLACE SENTENCE: apply of standard input says so.
refused() {
    local said
    if said=$(p apply -f - 2>&1); then
        not_ok "$1: applied"
    elif [[ $said == -:"$2":* && $said == *"$3"* ]]; then
        ok "refused: $1"
    else
        not_ok "refused: $1: $said"
    fi
}
refused "an unknown kind" 2:23 "there is no kind of receiver 'webhok'; did you mean 'webhook'" <<'YAML'
receivers:
  - {name: ops, kind: webhok, url: "http://127.0.0.1/"}
YAML
refused "a secret in the file" 2:58 "'secret' is a secret" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "http://h/", secret: abc}
YAML
refused "a file outside of the secrets" 2:72 "must be the plain name of a file" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "http://127.0.0.1:9/", token_file: /etc/shadow}
YAML
refused "a variable that is not for receivers" 2:71 "must be a variable whose name begins with PARALLAX_" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "http://127.0.0.1:9/", token_env: HOME}
YAML
refused "no URL" 2:37 "must be an http:// or https:// URL" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "gopher://h/"}
YAML
refused "a route to nobody known" 5:17 "there is no receiver 'oops'; did you mean 'ops'" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "http://127.0.0.1:9/"}
routes:
  - match: {severity: critical}
    receivers: [oops]
YAML
refused "an unknown severity" 4:24 "critical, warning or ours" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "http://127.0.0.1:9/"}
routes:
  - {match: {severity: fatal}, receivers: [ops]}
YAML
refused "an unknown time zone" 2:25 "there is no time zone 'Europe/Berlln'" <<'YAML'
maintenance:
  - {name: patch, zone: Europe/Berlln, days: [sun], from: "02:00", until: "04:00"}
YAML
refused "a day that is none" 2:26 "mon, tue, wed" <<'YAML'
maintenance:
  - {name: patch, days: [sunday], from: "02:00", until: "04:00"}
YAML
refused "an escalation to nobody" 4:5 "go together" <<'YAML'
receivers:
  - {name: ops, kind: webhook, url: "http://127.0.0.1:9/"}
routes:
  - {receivers: [ops], escalate_after: 15m}
YAML

# ---- set up ----

{
    echo "receivers:"
    for i in "${!manners[@]}"; do
        echo "  - {name: ${manners[i]}, kind: webhook, url: 'http://127.0.0.1:$((base + 10 + i))/hook',"
        echo "     timeout: ${timeouts[${manners[i]}]-10s}, max_per_minute: 600, give_up: ${ends[${manners[i]}]-10m}, secret_file: hook}"
    done
    cat <<'YAML'
routes:
  - match: {severity: critical, team: web}
    receivers: [good, late, error, refuse, redirect, hang, huge, flaky]
  - {match: {severity: critical, team: db}, receivers: [calm]}
  - {match: {severity: critical, team: app}, receivers: [steady, late]}
  - match: {severity: [warning, ours]}
    receivers: [late]
YAML
} >"$dir/alerting.yaml"
{
    echo "monitors:"
    for name in "${!where[@]}"; do
        echo "  - {monitor_type: tcp, name: $name, host: ${where[$name]%:*}, port: ${where[$name]#*:},"
        echo "     check_interval: 2s, timeout: 2s, locations: [us, eu, ap], labels: {team: $name}}"
    done
} >"$dir/monitors.yaml"
check "the rules are good" p apply --check -f "$dir/alerting.yaml"
check "they are applied" p apply -f "$dir/alerting.yaml"
dry=$(p apply --dry-run -f "$dir/monitors.yaml")
check "a dry run says whom it would page" grep -q 'web: good, late, error' <<<"$dry"
p apply -f "$dir/monitors.yaml" >/dev/null
check "no secret is listed" bash -c "! '$bin/parallax' --data-dir '$dir/coordinator' receivers list -o json | grep -q 'a secret of ours'"
check "a test message arrives" p receivers test good
check "one that is refused is said to be" bash -c "! '$bin/parallax' --data-dir '$dir/coordinator' receivers test refuse"
# What is no file for a secret, and no place for a notice.
mkfifo "$dir/secrets/pipe"
cat "$dir/alerting.yaml" >"$dir/odd.yaml"
sed -i "s|^routes:|  - {name: pipe, kind: webhook, url: 'http://127.0.0.1:9/', secret_file: pipe}\\n  - {name: meta, kind: webhook, url: 'http://169.254.169.254/latest'}\\nroutes:|" "$dir/odd.yaml"
p apply -f "$dir/odd.yaml" >/dev/null
test_says() {
    p receivers test "$1" -o json >"$dir/said" || true # it exits as the test went
    grep -q "$2" "$dir/said" || { cat "$dir/said"; return 1; }
}
check "a secret is not read from a pipe" test_says pipe "is not a regular file"
check "nothing is sent to link-local addresses" test_says meta "off limits"
check "… and the coordinator goes on" p health
p apply -f "$dir/alerting.yaml" >/dev/null
check "all are up" until_ok 60 all_up
# On a starved machine a first look may have timed out.
quiet() { [[ $(p incidents list -o json | jq '.incidents | length') == 0 ]]; }
check "and all is quiet" until_ok 120 quiet
for manner in "${manners[@]}"; do : >"$dir/$manner.jsonl"; done

# ---- down, silenced, acknowledged ----

silence=$(p silences add team=db --for 10m --comment test -o json | jq .silence.id)
put down web db
began=$EPOCHREALTIME
check "the page comes" until_ok 60 has_events good open 1
awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN {printf "        page %.1f s after the service ended\n", b - a}'
page=$(events good open | head -n 1)
says_it() {
    jq -e '.severity == "critical" and .members == ["web"] and .labels.team == "web" and
        (.sentence | length) > 10 and .state == "open"' <<<"$page" >/dev/null
}
check "with what, why and who" says_it
signed=$(python3 - "$dir" <<'PY'
import hashlib, hmac, json, sys
line = json.loads(open(sys.argv[1] + "/good.jsonl", encoding="utf-8").readline())
parts = dict(p.split("=") for p in line["headers"]["X-Parallax-Signature"].split(","))
mac = hmac.new(b"a secret of ours", (parts["t"] + "." + line["body"]).encode(), hashlib.sha256)
body = json.loads(line["body"])
print(mac.hexdigest() == parts["v1"] and line["headers"]["Idempotency-Key"] == body["key"])
PY
)
check "signed, and with its key" [ "$signed" = True ]
id=$(jq -r .incident <<<"$page")
p incidents ack "$id" "on it" >/dev/null
check "the acknowledgement is told" until_ok 30 has_events good ack 1
check "with the note" [ "$(events good ack | jq -r .note)" = "on it" ]
p incidents note "$id" "it was the cable" >/dev/null
check "a slow receiver has it, too" until_ok 30 has_events late open 1
check "one that fails twice has it in the end" until_ok 60 has_events flaky open 1
check "the redirect is not followed" bash -c "! grep -q /moved '$dir/good.jsonl'"
check "a flood is cut off" until_ok 20 test -s "$dir/huge.sent"
check "after less than 64 MB" [ "$(head -n 1 "$dir/huge.sent")" -lt 67108864 ]
check "the silenced one is down, too" until_ok 60 verdict_is db service_down
muted() { p incidents list -o json | jq -e '.incidents[] | select(.muted_by != "")' >/dev/null; }
check "nobody is told: silenced" until_ok 60 muted
check "really nobody" [ "$(n_events calm open)" = 0 ]
p silences rm "$silence" >/dev/null
check "after the silence they are" until_ok 60 has_events calm open 1

# ---- up again, and killed around it ----

put up web db
for change in down up; do
    put "$change" app
    sleep "$(awk -v r="$RANDOM" 'BEGIN {printf "%.2f", 0.2 + 4 * r / 32768}')"
    coordinator_stop KILL
    start
done
check "the end is told" until_ok 90 has_events good resolve 1
check "one page, one end" [ "$(unique good open)/$(unique good resolve)" = 1/1 ]
check "the timeline has the note" grep -q 'it was the cable' <<<"$(p incidents show "$id")"
dead() { [[ $(p receivers list -o json | jq '[.dead_letters[].receiver] | unique | length') -ge 4 ]]; }
check "who cannot be told is a dead letter" until_ok 60 dead
p receivers list | sed 's/^/        /'
check "after the silence, of the end, too" until_ok 90 has_events calm resolve 1
check "after two kills everything is over in the end" until_ok 400 quiet
store() { sqlite3 -readonly "file:$dir/coordinator/parallax.db?mode=ro" "$1"; }
settled() { [[ $(store "SELECT count(*) FROM outbox WHERE state = 'waiting'") == 0 ]]; }
check "the outbox is empty" until_ok 60 settled
check "every notice arrived, each page has its end, repeats have the same key" \
    python3 "$here/../lib/notices.py" "$dir/coordinator/parallax.db" \
    "good=$dir/good.jsonl" "late=$dir/late.jsonl" "calm=$dir/calm.jsonl" "steady=$dir/steady.jsonl"
check_report
