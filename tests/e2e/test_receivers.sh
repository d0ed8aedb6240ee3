#!/usr/bin/env bash
# What each kind of receiver is sent over an incident's life: open, more of it, again,
# acknowledged, over. A real Alertmanager and a real SMTP server with STARTTLS on loopback, a program, and
# recording HTTP servers for the chat services, whose bodies must have the published shapes.
#
#   test_receivers.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"
chmod 711 "$dir"
smtp=$((base + 20)) manager=$((base + 21)) service=$((base + 22))

# ---- those who are told ----

kinds=(slack discord teams pagerduty ntfy hook googlechat rocketchat)
words=()
for i in "${!kinds[@]}"; do words+=("${kinds[i]}=$((base + 10 + i))"); done
mkdir "$dir/record" "$dir/commands" "$dir/secrets"
python3 "$here/../lib/webhook_peer.py" "$dir/record" "${words[@]}" >"$dir/peers.log" 2>&1 &
pids+=($!)

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$dir/mail.key" -out "$dir/mail.pem" 2>/dev/null
cp "$dir/mail.pem" "$dir/secrets/"
mkdir "$dir/exim"
chmod 644 "$dir/mail.key" # of two days, in a folder that goes
if [[ $(id -u) == 0 ]]; then chown Debian-exim "$dir/exim"; fi
cat >"$dir/exim.conf" <<END
daemon_smtp_ports = $smtp
local_interfaces = 127.0.0.1
spool_directory = $dir/exim
log_file_path = $dir/exim/%slog
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = $dir/mail.pem
tls_privatekey = $dir/mail.key
keep_environment =
domainlist local_domains = test.example
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  require condition = \${if def:tls_in_cipher}
  deny local_parts = nobody-here
  accept domains = +local_domains
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = $dir/exim/box
  user = Debian-exim
END
exim4 -C "$dir/exim.conf" -bdf -oP "$dir/exim/pid" >"$dir/exim.log" 2>&1 &
pids+=($!)

cat >"$dir/manager.yml" <<END
route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: hook}]
END
prometheus-alertmanager --config.file="$dir/manager.yml" --storage.path="$dir/manager" \
    --web.listen-address="127.0.0.1:$manager" --cluster.listen-address= >"$dir/manager.log" 2>&1 &
pids+=($!)

cat >"$dir/commands/tell" <<END
#!/bin/sh
{ printf '%s|' "\$@"; cat; } >>"$dir/told"
env >"$dir/told.env"
END
printf '#!/bin/sh\nsleep 600 & sleep 600\n' >"$dir/commands/stuck"
chmod 755 "$dir/commands/tell" "$dir/commands/stuck"

until_ok 30 grep -q ready "$dir/peers.log"

# ---- the fleet ----

SECRET_OF_OURS=abc coordinator_start --public-url https://parallax.example/ \
    --commands-dir "$dir/commands" --secrets-dir "$dir/secrets"
# Two monitors of one service, and what is asked again when it fails.
printf 'limits: {per_target_rate: 20}\n' >"$dir/agent.yaml"
for place in us-a eu-b ap-c; do
    agent_enrol "$place" --label "provider=${place#*-}"
    agent_start "$place" --config "$dir/agent.yaml"
done
coproc SERVICES { exec python3 "$here/../lib/services.py" 127.0.6.1:"$service"; }
pids+=("$SERVICES_PID")
exec {tell}>&"${SERVICES[1]}" {hear}<&"${SERVICES[0]}"
read -r -t 20 -u "$hear" _
# put up|down
put() {
    printf '%s 127.0.6.1:%d\n' "$1" "$service" >&"$tell"
    read -r -t 20 -u "$hear" _
}

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
refused "an unknown field of a template" 2:61 "line 1: there is no field 'titel'; did you mean 'title'" <<'YAML'
receivers:
  - {name: a, kind: slack, url: "http://127.0.0.1/", title: "{{titel}}"}
YAML
refused "an address that is none" 2:72 "must be like ops@example.org" <<'YAML'
receivers:
  - {name: a, kind: mail, url: "smtp://127.0.0.1:25", from: a@b.c, to: [a@b.c, "x y"]}
YAML
refused "a program outside of the folder" 2:39 "commands_dir" <<'YAML'
receivers:
  - {name: a, kind: command, program: ../../bin/sh}
YAML
refused "to notify nobody known" 4:84 "'notify': there is no receiver or route 'oops'" <<'YAML'
receivers:
  - {name: a, kind: slack, url: "http://127.0.0.1/"}
monitors:
  - {monitor_type: tcp, host: 127.0.6.1, port: 80, check_interval: 2s, notify: [a, oops], locations: [us]}
YAML

# ---- rules ----

printf '0123456789abcdef0123456789abcdef\n' >"$dir/secrets/pd.key"
url() { printf 'http://127.0.0.1:%d/hook' $((base + 10 + $1)); }
cat >"$dir/all.yaml" <<YAML
receivers:
  - {name: slack, kind: slack, url: "$(url 0)"}
  - {name: discord, kind: discord, url: "$(url 1)"}
  - {name: teams, kind: teams, url: "$(url 2)"}
  - {name: pagerduty, kind: pagerduty, url: "$(url 3)", routing_key_file: pd.key}
  - name: ntfy
    kind: ntfy
    url: "http://127.0.0.1:$((base + 14))"
    topic: alerts
    title: "{{word}} {{severity}}"
    template: |
      {{sentence}}
      {{members}} {{labels}}
  - {name: googlechat, kind: googlechat, url: "$(url 6)?key=k&token=t"}
  - {name: rocketchat, kind: rocketchat, url: "$(url 7)"}
  - {name: hook, kind: alertmanager-webhook, url: "$(url 5)"}
  - {name: manager, kind: alertmanager, url: "http://127.0.0.1:$manager", labels: [env=test]}
  - {name: mail, kind: mail, url: "smtp://127.0.0.1:$smtp", from: parallax@test.example,
     to: [ops@test.example, nobody-here@test.example], ca_file: mail.pem}
  - {name: tell, kind: command, program: tell, args: [one, "two words; \$HOME"]}
  - {name: stuck, kind: command, program: stuck, timeout: 1s, give_up: 5s}
routes:
  - {name: chat, match: {team: nobody}, receivers: [slack, discord, teams, googlechat, rocketchat, pagerduty, ntfy, hook, mail, tell, stuck], repeat: 10s, update: 2s}
  - {receivers: [none]}
monitors:
  - {monitor_type: tcp, name: 'web <&> "ü"', host: 127.0.6.1, port: $service, check_interval: 2s,
     timeout: 2s, locations: [us, eu, ap], labels: {team: web}, notify: [manager, chat],
     runbook: "https://wiki.example/web"}
  - {monitor_type: tcp, name: other, host: 127.0.6.1, port: $service, check_interval: 2s,
     timeout: 2s, locations: [us, eu, ap], labels: {team: web}, notify: [chat]}
YAML
check "Alertmanager is up" until_ok 60 curl -fsS "http://127.0.0.1:$manager/-/ready"
dry=$(p apply --dry-run -f "$dir/all.yaml")
check "a dry run says whom the monitor names" grep -q 'manager, slack, discord' <<<"$dry"
check "all kinds are applied" p apply -f "$dir/all.yaml"
check "export holds whom it notifies" grep -q 'notify: \[manager, chat\]' <<<"$(p monitors export)"
for receiver in slack discord teams googlechat rocketchat pagerduty ntfy hook manager mail tell; do
    check "a test reaches $receiver" p receivers test "$receiver"
done
said=$(p receivers test stuck 2>&1) || true
check "a program that hangs is killed, and it is said" grep -q 'took too long' <<<"$said"
are_up() { [[ $(p status -o json | jq '[.monitors[] | select(.verdict == "up")] | length') == 2 ]]; }
quiet() { [[ $(p incidents list -o json | jq '.incidents | length') == 0 ]]; }
check "both are up" until_ok 60 are_up
# On a starved machine a first look may have timed out.
check "and all is quiet" until_ok 120 quiet
for kind in "${kinds[@]}"; do : >"$dir/record/$kind.jsonl"; done

# ---- an incident's life ----

bodies() { jq -c '.body | fromjson' "$dir/record/$1.jsonl"; }
n_of() { bodies "$1" | jq -c "select($2)" | wc -l; }
told() { [[ $(n_of hook "$1") -ge ${2:-1} ]]; }
alert() { curl -fsS "http://127.0.0.1:$manager/api/v2/alerts?active=true" | jq -e "$1"; }
# mails WORD: how many begin with it.
mails() {
    python3 - "$dir/exim/box" "$1" <<'PY'
import mailbox, sys
from email.header import decode_header, make_header
subjects = [str(make_header(decode_header(m["Subject"]))) for m in mailbox.mbox(sys.argv[1])]
print(sum(s.startswith(f"[{sys.argv[2]}]") for s in subjects))
PY
}
put down
check "open" until_ok 60 told '.alerts[0].annotations.event == "open"'
id=$(bodies hook | jq -r 'select(.status == "firing") | .commonLabels.incident' | head -n 1)
check "Alertmanager has it, once" until_ok 30 alert "[.[] | select(.labels.incident == \"$id\")] | length == 1 and
    .[0].labels.env == \"test\" and .[0].labels.severity == \"critical\" and (.[0].annotations.kind | IN(\"service\", \"host\"))"
# Two monitors watch the one service. What is paused is in no incident.
has_other() { told '.alerts[0].annotations.monitors | contains("other")'; } # at once, or as news
check "the second monitor of it is in the same incident" until_ok 30 has_other
n_before=$(bodies hook | wc -l)
p monitors pause other >/dev/null
left() { [[ $(bodies hook | tail -n +$((n_before + 1)) | jq -c 'select(.alerts[0].annotations | .event == "update" and (.monitors | contains("other") | not))' | wc -l) -ge 1 ]]; }
check "paused, it leaves: an update" until_ok 30 left
n_before=$(bodies hook | wc -l)
p monitors resume other >/dev/null
joined() { [[ $(bodies hook | tail -n +$((n_before + 1)) | jq -c 'select(.alerts[0].annotations | .event == "update" and (.monitors | contains("other")))' | wc -l) -ge 1 ]]; }
check "resumed, it joins again: an update, no page" until_ok 60 joined
alert_is_more() { alert "[.[] | select(.labels.incident == \"$id\")] | length == 1 and (.[0].annotations.monitors | contains(\"other\"))"; }
check "Alertmanager knows, still once" until_ok 30 alert_is_more
again() { told '.alerts[0].annotations.event == "repeat"' && [[ $(mails "STILL OPEN") -ge 1 ]]; }
check "told again" until_ok 40 again
p incidents ack "$id" "on it" >/dev/null
check "acknowledged" until_ok 30 told '.alerts[0].annotations.acked_by != "" and .alerts[0].annotations.event == "ack"'
acked() { [[ $(n_of pagerduty '.event_action == "acknowledge"') == 1 ]]; }
check "PagerDuty, too" until_ok 30 acked
put up
check "over" until_ok 90 told '.status == "resolved"'
gone() { alert "[.[] | select(.labels.incident == \"$id\")] | length == 0"; }
check "for Alertmanager, too" until_ok 30 gone
everywhere() {
    local kind
    for kind in "${kinds[@]}"; do [[ $(ends "$kind") == 1 ]] || return 1; done
    [[ $(mails RESOLVED) == 1 ]]
}
# ends KIND: ends of an incident that it was told of.
ends() {
    bodies "$1" | case $1 in
    slack) jq -c 'select(.attachments[0].color == "#2e7d32")' ;;
    discord) jq -c 'select(.embeds[0].title | startswith("[RESOLVED]"))' ;;
    teams) jq -c 'select(tostring | contains("[RESOLVED]"))' ;;
    googlechat) jq -c 'select(.fallbackText | startswith("[RESOLVED]"))' ;;
    rocketchat) jq -c 'select(.text | startswith("[RESOLVED]"))' ;;
    pagerduty) jq -c 'select(.event_action == "resolve")' ;;
    ntfy) jq -c 'select(.title | startswith("RESOLVED"))' ;;
    hook) jq -c 'select(.status == "resolved")' ;;
    esac | wc -l
}
check "everybody has heard the end" until_ok 60 everywhere
# life KIND FILTER: what it heard, each word once in a row.
life() { bodies "$1" | jq -r "$2" | uniq | tr '\n' ' '; }
check "the life: open, more, again, acknowledged, over" grep -Eq '^open (update |repeat )*update (update |repeat )*ack (update )*resolve $' \
    <<<"$(life hook '.alerts[0].annotations.event')"
check "and again" grep -q repeat <<<"$(life hook '.alerts[0].annotations.event')"
check "each body has its service's shape" python3 "$here/../lib/receivers/validate.py" \
    "$here/../lib/receivers/schemas.json" "$dir/record" "${kinds[@]}"

# ---- what stands in them ----

check "PagerDuty: one key from trigger to resolve" [ "$(bodies pagerduty | jq -r '.dedup_key' | sort -u)" = "parallax-incident-$id" ]
# A monitor that is well before the other one is one more piece of news.
check "PagerDuty: in order" grep -Eq '^trigger acknowledge (trigger |acknowledge )*resolve $' <<<"$(life pagerduty .event_action)"
# shellcheck disable=SC2016 # jq's
check "Slack: escaped, linked" jq -se --arg url "https://parallax.example/#/incidents/$id" \
    'map(.body | fromjson | .attachments[0].blocks) | all(.[2].elements[0].url == $url) and any(.[1].text.text | contains("web &lt;&amp;&gt; \"ü\""))' "$dir/record/slack.jsonl"
check "Google Chat: one thread, escaped" jq -se \
    'map(.body | fromjson) | (map(.thread.threadKey) | unique | length) == 1 and any(tostring | contains("web &lt;&amp;&gt;"))' "$dir/record/googlechat.jsonl"
check "Google Chat: as replies" bash -c "! jq -r .path '$dir/record/googlechat.jsonl' | grep -vF '?key=k&token=t&messageReplyOption='"
check "Rocket.Chat: harmless, linked" jq -se --arg url "https://parallax.example/#/incidents/$id" \
    'map(.body | fromjson | .text) | all(endswith("\n" + $url)) and any(contains("web <\u200b&> \"ü\""))' "$dir/record/rocketchat.jsonl"
check "ntfy: by its template" grep -Eq '^OPEN critical ((UPDATE|STILL OPEN) critical )+ACKNOWLEDGED critical (UPDATE critical )*RESOLVED critical $' \
    <<<"$(life ntfy .title)"
check "ntfy: with the labels" jq -se 'any(.body | fromjson | .message | contains("team=web"))' "$dir/record/ntfy.jsonl"
check "the program: its words and the message" grep -q '^one|two words; \$HOME|{"version":1' "$dir/told"
check "the program: no secrets in its environment" bash -c "! grep -q SECRET_OF_OURS '$dir/told.env'"
# It may be on another attempt, of a second, of a notice of this incident.
nothing_left() { ! pgrep -f "$dir/commands/stuck"; }
check "nothing of the stuck one is left" until_ok 30 nothing_left
mail=$(python3 - "$dir/exim/box" "$id" <<'PY'
import mailbox, sys
box = [m for m in mailbox.mbox(sys.argv[1]) if f"parallax-incident-{sys.argv[2]}@" in m["References"]]
from email.header import decode_header, make_header
subjects = [str(make_header(decode_header(m["Subject"]))) for m in box]
parts = [[p.get_content_type() for p in m.walk()] for m in box]
text, html = ("".join(m.get_payload(i).get_payload(decode=True).decode() for m in box) for i in (0, 1))
words = [s.split("]")[0] for s in subjects]
acked = words.index("[ACKNOWLEDGED")
good = (words[0] == "[OPEN" and words[-1] == "[RESOLVED"
        and set(words[1:acked]) == {"[UPDATE", "[STILL OPEN"} and set(words[acked + 1:-1]) <= {"[UPDATE"}
        and not any("3 monitors" in s for s in subjects) # one that left and came again is one
        and all(p == ["multipart/alternative", "text/plain", "text/html"] for p in parts)
        and 'web <&> "ü"' in text and "web &lt;&amp;&gt; &quot;ü&quot;" in html
        and "on it" in box[acked].get_payload(0).get_payload(decode=True).decode()
        and len({m["Message-ID"] for m in box}) == len(box) and "esmtps" in box[0]["Received"])
print(good, subjects, parts[:1], box[0]["Received"])
PY
)
check "mail: each, in text and HTML, over TLS" grep -q ^True <<<"$mail"
[[ $mail == True* ]] || printf '        %s\n' "$mail"
check_report
