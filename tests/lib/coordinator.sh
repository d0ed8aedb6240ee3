# A coordinator on the loopback, and agents: source it after setting bin (the programs'
# folder). One in the network lab: fleet.sh.
#
#   coordinator_start [OPTION…]      … and waits until it serves
#   coordinator_stop [SIGNAL]        … and waits until it is gone
#   agent_enrol NAME [OPTION…]       the options are the token's; us-east-1 is of us-east
#   agent_start NAME [OPTION…]       one that is enrolled
#   agent_stop NAME [SIGNAL]
#   p ARG…                           the parallax command, at that coordinator
#
# There are then: $dir, a folder that goes with the test, with a folder and a log of each
# program's name in it; $base, the first of its ports (ports.sh), of which the coordinator takes four
# (agents, enrolment, commands, HTTP: $url); $coordinator and ${agents[NAME]}, their process
# ids. What else the test starts, and adds to pids, ends with it, too.
#
# Results are counted (check.sh); end with check_report.
# shellcheck shell=bash

# shellcheck source=tests/lib/check.sh
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$(dirname "${BASH_SOURCE[0]}")/ports.sh"

dir=$(mktemp -d "/tmp/plx-$(basename "$0" .sh)-XXXXXX")
# shellcheck disable=SC2034 # the test's
url=http://127.0.0.1:$((base + 3))
coordinator=
pids=()
declare -A agents
mkdir -p "$dir/coordinator"

coordinator_cleanup() {
    local pid
    for pid in $coordinator "${agents[@]}" "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap coordinator_cleanup EXIT

# shellcheck disable=SC2154 # bin is the test's
p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }

coordinator_start() {
    "$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" \
        --http-listen "127.0.0.1:$((base + 3))" "$@" >>"$dir/coordinator.log" 2>&1 &
    coordinator=$!
    until_ok 30 p health || { tail -n 20 "$dir/coordinator.log"; exit 1; }
}

coordinator_stop() {
    kill "-${1:-TERM}" "$coordinator"
    wait "$coordinator" 2>/dev/null || true
    coordinator=
}

agent_enrol() {
    local name=$1 token
    shift
    token=$(p agents token create --region "${name%-*}" --ttl 10m --quiet "$@")
    "$bin/parallax-agent" enroll "$token" --name "$name" --data-dir "$dir/$name" >/dev/null 2>&1
}

agent_start() {
    "$bin/parallax-agent" run --data-dir "$dir/$1" "${@:2}" >>"$dir/$1.log" 2>&1 &
    agents[$1]=$!
}

agent_stop() {
    kill "-${2:-TERM}" "${agents[$1]}"
    wait "${agents[$1]}" 2>/dev/null || true
    unset "agents[$1]"
}
