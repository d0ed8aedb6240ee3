#!/usr/bin/env bash
# Path traces in the network lab, as an ordinary user without capabilities: each hop named,
# the place where a fault lies, silent routers, broken flows of a spread path, IPv6.
#
#   test_trace.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$here/../net/lab.sh
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
trap '"$lab" down >/dev/null 2>&1 || true; rm -rf "$trace_bin"' EXIT

# The programs may lie below a folder that an ordinary user cannot enter.
trace_bin=$(mktemp -d /tmp/plx-trace-XXXXXX)
chmod 755 "$trace_bin"
cp "$bin/parallax-agent" "$trace_bin/"

# trace TARGET [OPTION…]: as nobody, from us-east-a; JSON in $got.
trace() {
    got=$("$lab" exec us-east-a setpriv --reuid=65534 --regid=65534 --clear-groups \
        --inh-caps=-all --bounding-set=-all --no-new-privs \
        "$trace_bin/parallax-agent" trace --output json "$@") || true
}
# is FILTER: jq says yes of the last trace.
is() { jq -e "$1" <<<"$got" >/dev/null || { jq -c . <<<"$got"; return 1; }; }
# hops WORDS: kinds with the last byte of who answered, of the first flow.
hops() {
    local seen
    seen=$(jq -r '[.flows[0].hops[] | .kind + (if .from then ":" + .from else "" end)] | join(" ")' <<<"$got")
    [[ $seen == "$1" ]] || { echo "  saw: $seen"; return 1; }
}

"$lab" up >/dev/null
"$lab" heal all >/dev/null
db=10.77.100.11:5432
way='transit:10.77.11.1 transit:10.77.111.1 transit:10.77.201.1'

trace $db
check "a whole path, hop by hop" hops "$way open:10.77.100.11"
check "… quickly" is '.duration_ms < 500'
trace 10.77.100.15:80
check "a refusal is an end" hops "$way refused:10.77.100.15"
trace '[fd77:0:0:100::11]:5432'
check "IPv6" is '.flows[0].hops | map(.from) == ["fd77:0:0:11::1", "fd77:0:0:111::1", "fd77:0:0:201::1", "fd77:0:0:100::11"]'
trace --flows 4 $db
check "four flows, four ports" is '[.flows[].source_port] | unique | length == 4'

"$lab" mute transit-a >/dev/null
trace $db
check "a silent router is a gap, not an end" hops 'transit:10.77.11.1 silent transit:10.77.201.1 open:10.77.100.11'
check "… within two seconds" is '.duration_ms < 2000'
"$lab" heal all >/dev/null

"$lab" cut host db >/dev/null
trace $db
check "a dead host: the last router is named" is '.flows[0] | .end.kind == "silent" and .hops[2].from == "10.77.201.1" and (.hops[3:] | all(.kind == "silent"))'
check "… within two seconds" is '.duration_ms < 2000'
"$lab" heal all >/dev/null

"$lab" reject admin-prohibited from region us-east to host db at transit-a >/dev/null
trace $db
check "who rejects says so" hops 'transit:10.77.11.1 transit:10.77.111.1 reject:10.77.111.1'
check "… and how" is '.flows[0].end.icmp == {"type": 3, "code": 13}'
"$lab" heal all >/dev/null

"$lab" flows 50 from region us-east to host db >/dev/null
trace --flows 16 $db
check "a broken member: some flows end, others arrive" is '[.flows[].end.kind] | (any(. == "open") and any(. == "silent"))'
"$lab" heal all >/dev/null

"$lab" unplug agent us-east-a >/dev/null
trace $db
check "no way out is the agent's own trouble, or silence" is '.trouble != null or .flows[0].end.kind == "silent"'
"$lab" heal all >/dev/null

check "no target" bash -c "! '$bin/parallax-agent' trace 2>/dev/null"
check "a bad number of flows" bash -c "'$bin/parallax-agent' trace --flows 17 127.0.0.1:1 2>&1 | grep -q \"'17'\""
check_report
