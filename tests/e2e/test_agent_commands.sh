#!/usr/bin/env bash
# The agent's commands that need no coordinator: probe and scan-self, for people and programs.
#
#   test_agent_commands.sh BIN_DIR
set -euo pipefail
agent=$(cd "$1" && pwd)/parallax-agent
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"

# says COMMAND…: its output, whatever its exit status.
says() { "$@" || true; }
ends_with_newline() { [[ $(tail -c 1 | od -An -c) == *\\n* ]]; }

out=$(says "$agent" probe 127.0.0.1:1 --output json)
check "a refused port is refused" test "$(jq -r '.results[0].outcome' <<<"$out")" = refused
check "its time is the clock's, to the microsecond" \
    test "$(jq '.results[0].rtt_ms > 0 and .results[0].rtt_ms < 1000' <<<"$out")" = true
check "probe's JSON ends with a newline" \
    ends_with_newline < <(says "$agent" probe 127.0.0.1:1 --output json)

# heard SECONDS OPTION…: whether a server that takes a connection for so long takes a probe's
# with these options; in $took, and what the probe says in $probe.
heard() {
    local server port
    # Not a coprocess: bash forgets that one's pipe as soon as it has ended.
    exec {server}< <(python3 -c '
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
s.settimeout(float(sys.argv[1]))
print(s.getsockname()[1], flush=True)
try:
    s.accept()
    print("taken", flush=True)
except TimeoutError:
    print("none", flush=True)' "$1")
    read -r port <&"$server"
    probe=$(says "$agent" probe "127.0.0.1:$port" --output json "${@:2}")
    read -r took <&"$server"
    exec {server}<&-
}
took='' probe=''
heard 60 --full
check "a full handshake is taken by the program" test "$took" = taken
# Who is not given the processor for 200 ms has shaken hands, and says so: not this time.
for _ in {1..5}; do
    heard 3 --timeout 5s
    [[ $(jq '.results[0].closed_late' <<<"$probe") == true ]] || break
done
check "… half of one is not" test "$took" = none

out=$(says "$agent" trace 127.0.0.1:1 --hops 1 --flows 1 --output json)
check "a trace of one hop" test "$(jq -r '.flows[0].end.kind' <<<"$out")" = refused
status=0
"$agent" trace 127.0.0.1:1 --hops 0 >/dev/null 2>&1 || status=$?
check "… of none is refused" test "$status" -eq 2

out=$(says "$agent" scan-self --output json)
check "scan-self's JSON has its parts" test "$(jq '
    .half_open and .error_queue and (.nofile_hard > 0) and (.ports > 0) and
    (.probe_cpu_us > 0) and (.holds.probes_in_flight > 0) and (.checks | length > 10)' <<<"$out")" = true
check "scan-self's JSON ends with a newline" \
    ends_with_newline < <(says "$agent" scan-self --output json)
check "each check has a line in the table" test \
    "$(says "$agent" scan-self | grep -c -E ' (ok|LOOK) ')" -eq "$(jq '.checks | length' <<<"$out")"
status=0
"$agent" scan-self >/dev/null || status=$?
check "the exit status is of the checks" test "$status" -le 1
status=0
"$agent" scan-self --output xml >/dev/null 2>&1 || status=$?
check "an unknown format is refused" test "$status" -eq 2

# quoted ARGUMENT…: what the agent complains of, shown byte by byte.
quoted() { says "$agent" "$@" 2>&1 >/dev/null | head -n 1 | LC_ALL=C cat -v; }
esc=$'\e[31m' turned=$'\u202e'
check "an unknown command is quoted without its escapes" \
    test "$(quoted "${esc}x")" = "parallax-agent: unknown command '?[31mx'"
check "so is an unknown option" \
    test "$(quoted probe "--${esc}x")" = "parallax-agent: unknown option '--?[31mx'"
check "so is a target that is none" \
    test "$(quoted probe "a${turned}b:1")" = "parallax-agent: no HOST:PORT: 'a???b:1'"
check "an option without its value is named" \
    test "$(quoted trace --flows)" = "parallax-agent: option '--flows' needs a value"
check "an unknown option of the coordinator is quoted alike" test "$(
    says "$1/parallax-coordinator" run "--${esc}x" 2>&1 | LC_ALL=C cat -v)" = \
    "parallax-coordinator: unknown option '--?[31mx'"
check_report
