#!/usr/bin/env bash
# The live view in a terminal and the stream of events: what happens is on the screen, also
# after a resize, without colours, on a narrow terminal and over a restart.
#
#   test_watch.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

coordinator_start
p events --follow --last 0 >"$dir/events" 2>/dev/null &
follower=$!
pids+=("$follower")
for name in eu-1 us-1 ap-1; do
    agent_enrol "$name"
    agent_start "$name"
done
python3 -m http.server --bind 127.0.1.1 $((base + 4)) >/dev/null 2>&1 &
server=$!
pids+=("$server")
{
    echo "monitors:"
    echo "- {name: shop, host: 127.0.1.1, port: $((base + 4)), check_interval: 2s, timeout: 1s, locations: [all]}"
    for i in $(seq 30); do
        echo "- {name: other-$i, host: 127.0.1.1, port: $((base + 4)), check_interval: 30s, timeout: 1s, paused: true, locations: [all]}"
    done
} >"$dir/monitors.yaml"
p apply -f "$dir/monitors.yaml" >/dev/null
up() { [[ $(p status shop --output json | jq -r '.monitors[0].verdict') == up ]]; }
check "a fleet to look at" until_ok 60 up

export LC_ALL=C.UTF-8 TERM=xterm-256color
# on COLUMNS LINES STEP…: watch on such a terminal.
on() { timeout 300 "$here/../lib/terminal.py" "$1" "$2" "${@:3}" -- "$bin/parallax" --data-dir "$dir/coordinator" watch; }
falls() {
    on 100 24 'see:30 paused' "key:a" 'see:shop' 'see:● up' 'raw:\[32m' 'shot:'"$dir/before" \
        'size:60x12' 'see:shop' 'see:of 31' 'size:100x24' 'see:3 of 3 agents live' \
        'key:q' end
}
check "watch shows the fleet, also after a resize" falls
check "a failure comes onto the screen by itself" on 100 24 'see:everything' "kill:$server" 'see:service_down' 'see:refuses' 'key:q' end
mono() { NO_COLOR=1 on 80 24 'see:✖ service_down' 'noraw:\[3[0-7]' 'key:q' end; }
check "without colours the signs remain" mono
vt100() { TERM=vt100 LC_ALL=C on 80 24 'see:service_down' 'noraw:\[3[0-7]' 'noraw:\xe2' 'key:q' end; }
check "… and on one that knows neither colours nor UTF-8" vt100
over_restart() { on 100 24 'see:service_down' "kill:$coordinator" 'see:does not answer' 'key:q' end; }
check "a coordinator that is away is said to be" over_restart
wait "$coordinator" 2>/dev/null || true
no_terminal() { p watch </dev/null >/dev/null 2>"$dir/err"; [[ $? == 2 ]] && grep -q 'needs a terminal' "$dir/err"; }
check "without a terminal it says what to use" no_terminal

# ---- events ----
coordinator_start
seen() { local tries=200; until grep -q "$1" "$dir/events"; do ((tries-- > 0)) || { cat "$dir/events"; return 1; }; sleep 0.1; done; }
check "events: an agent came" seen 'agent *eu-1: agent_connected'
check "… a verdict, with its sentence" seen 'verdict *shop: up -> service_down.*refuses'
p monitors pause shop >/dev/null
check "… following goes on over a restart" seen 'agent_connected'
last() { p events --last 3 --type agent --output json | jq -es 'length <= 3 and all(.type == "agent")' >/dev/null; }
check "the last ones as JSON, a line each" last
check "a format that is no stream is refused" bash -c "! '$bin/parallax' --data-dir '$dir/coordinator' events --output yaml 2>/dev/null"
check_report
