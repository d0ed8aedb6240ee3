#!/usr/bin/env bash
# Uptime from real results: a service that goes down and comes back, an objective, what
# nobody judged while the coordinator was away, and the same numbers as JSON, CSV and over
# HTTP.
#
#   test_uptime.sh BIN_DIR [late]      late: also whole minutes in which nobody judged
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"
service=$((base + 10))

serve() {
    python3 -c '
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.7.1", int(sys.argv[1])))
s.listen(64)
while True:
    s.accept()[0].close()
' "$service" &
    service_pid=$!
    pids+=("$service_pid")
    until_ok 20 bash -c "exec 3<>/dev/tcp/127.0.7.1/$service"
}
unserve() {
    kill "$service_pid"
    wait "$service_pid" 2>/dev/null || true
}
verdict_is() { [[ $(p status web -o json | jq -r '.monitors[0].verdict') == "$1" ]]; }
# uptime_says FILTER [ARG…]: of the one monitor.
uptime_says() {
    local filter=$1
    shift
    p uptime web "$@" -o json >"$dir/uptime" || true # it exits as the budget is
    jq -e ".monitors[0] | $filter" "$dir/uptime" >/dev/null
}

coordinator_start
for place in us-a eu-b ap-c; do
    agent_enrol "$place" --label "provider=${place#*-}"
    agent_start "$place"
done

printf 'monitors:\n  - {monitor_type: tcp, host: h, port: 80, locations: [us], slo: 101%%}\n' >"$dir/bad.yaml"
said=$(p apply -f "$dir/bad.yaml" 2>&1) || true
check "an objective that is none is refused" grep -q "'slo' must be\|slo '101%'" <<<"$said"

serve
p apply -f - >/dev/null <<YAML
monitors:
  - {monitor_type: tcp, name: web, host: 127.0.7.1, port: $service, check_interval: 1s, timeout: 1s,
     locations: [us, eu, ap], slo: 99.9%, slo_window: 1h}
YAML
check "it is up" until_ok 60 verdict_is up
check "its time counts" until_ok 30 uptime_says '.availability > 0 and .up_s > 0 and .coverage > 0.5'
# A starved machine may have seen it down before.
before=$(jq '.monitors[0].down_s' "$dir/uptime")

unserve
began=$EPOCHREALTIME
check "it is down" until_ok 60 verdict_is service_down
sleep 3
serve
check "it is up again" until_ok 60 verdict_is up
ended=$EPOCHREALTIME
down_for=$(awk -v a="$began" -v b="$ended" 'BEGIN {printf "%.3f", b - a}')
check "down for no longer than it was" uptime_says "(.down_s - $before) | . > 2.5 and . <= $down_for"
check "the parts are the whole" uptime_says \
    '((.to | sub("\\.[0-9]*Z"; "Z") | fromdate) - (.from | sub("\\.[0-9]*Z"; "Z") | fromdate)) as $w
     | (.up_s + .down_s + .unknown_s - $w) | . > -1.1 and . < 1.1'
# 99.9 % of an hour are 3.6 s.
# shellcheck disable=SC2016 # jq's
check "of the budget that much is spent" uptime_says \
    '.down_s as $down | .slo | .budget_s == 3.6 and (.spent_s - $down | fabs) < 1 and ((1 - .spent_s / 3.6) - .left | fabs) < 0.001'
check "and it burns" uptime_says '.slo.burn_rate["1h"] > 10'
check "each location was let down" until_ok 30 uptime_says \
    '[.reachability[] | select(.ok > 0 and .bad > 0 and .ratio < 1)] | length == 3'

# ---- nobody judges ----

nobody_judges() {
    local away back late_at_most
    coordinator_stop
    unserve
    away=$EPOCHREALTIME
    # Until the minute after this one: it must be of one mind.
    sleep "$(awk -v now="$EPOCHREALTIME" 'BEGIN {printf "%.1f", 60 - now % 60 + 8}')"
    serve
    sleep 1
    coordinator_start
    back=$EPOCHREALTIME
    check "it is up after that" until_ok 60 verdict_is up
    learned() { uptime_says '.late_s > 5 and (.learned_late | length) > 0'; }
    check "what nobody judged is learned late" until_ok 60 learned
    late_at_most=$(awk -v a="$away" -v b="$back" 'BEGIN {printf "%.3f", b - a + 60}')
    check "and no more than that" uptime_says ".late_s < $late_at_most and .down_s < $late_at_most + $before + $down_for"
    check "people are told so" grep -q 'web was down from .* learned late' <<<"$(p uptime web || true)"
    check "nobody was paged for it" [ "$(p incidents list --all -o json |
        jq --argjson since "${away%.*}" '[.incidents[] | select((.opened | sub("\\.[0-9]*Z"; "Z") | fromdate) > $since and .announced != null and .kind == "service")] | length')" = 0 ]
}
[[ ${2-} != late ]] || nobody_judges

# ---- as files, and over HTTP ----

csv=$(p uptime web -o csv || true)
check "CSV: a header and a row" [ "$(wc -l <<<"$csv")" = 2 ]
check "CSV: ratios" grep -q '^web,0\.[0-9]*,' <<<"$csv"
check "CSV: a row for each location" [ "$(p uptime web --locations -o csv | grep -c '^web,')" = 3 ]
check "history as CSV" grep -q ',service_down,' <<<"$(p history web -o csv)"
token=$(p tokens create reader -o json | jq -r .token)
over_http() {
    curl -fsS -H "Authorization: Bearer $token" "$url/api/v1/$1"
}
check "over HTTP" jq -e '.monitors[0].monitor == "web" and .resolution == "1m"' <<<"$(over_http monitors/web/uptime?since=1h)"
check "over HTTP, of all" jq -e '.monitors | length == 1' <<<"$(over_http 'uptime?since=7d')"
check "a window backwards is refused" bash -c "! '$bin/parallax' --data-dir '$dir/coordinator' uptime web --since 1h --until 2h 2>/dev/null"
check_report
