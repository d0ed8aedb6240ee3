#!/usr/bin/env bash
# Programs of an older build beside these: its agents under its coordinator, then under this
# one on the same data, then one of them upgraded; no result is lost on the way.
#
#   mixed_versions.sh BIN_DIR COMMIT | OLD_BIN_DIR
#
# With a commit the older programs are built from it, which takes minutes: so this is no part
# of tests/run.sh, where tests/golden holds the frames. Not every old build will do: before
# agents knew server_key in the enrolment's answer (proto/CHANGES.md) they can only have been
# enrolled by a coordinator of their time, as is done here.
set -euo pipefail

bin=$(cd "$1" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$repo/tests/lib/ports.sh"
dir=$(mktemp -d /tmp/plx-mixed-XXXXXX)
declare -A pid

cleanup() {
    local name
    set +e
    for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

old=$2
if [[ ! -d $old ]]; then
    git clone --quiet --shared --no-checkout "$repo" "$dir/source"
    git -C "$dir/source" checkout --quiet "$2"
    (cd "$dir/source" && cmake --preset release && cmake --build --preset release \
        --target parallax parallax-agent parallax-coordinator) >"$dir/build.log" 2>&1 ||
        { tail -n 20 "$dir/build.log"; exit 1; }
    old=$dir/source/build/release/bin
fi

# start_coordinator PROGRAMS OPTION…
start_coordinator() {
    local programs=$1
    shift
    "$programs/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" "$@" >>"$dir/c.log" 2>&1 &
    pid[c]=$!
}

# start_agent NAME PROGRAMS
start_agent() {
    "$2/parallax-agent" run --data-dir "$dir/$1" >>"$dir/$1.log" 2>&1 &
    pid[$1]=$!
}

stop() {
    kill "${pid[$1]}"
    wait "${pid[$1]}" || true
    unset "pid[$1]"
}

p() { "${programs:-$bin}/parallax" --data-dir "$dir/coordinator" "$@"; }
sql() { sqlite3 "file:$dir/coordinator/parallax.db?mode=ro" "$1"; }
beyond() { [[ $(sql 'SELECT sum(high_water) FROM streams') -gt $1 ]]; }
two_up() { [[ $(p status watched --output json | jq '[.monitors[0].locations[] | select(.outcome == "open")] | length') == 2 ]]; }
delivered() { "$bin/check_delivery" --drained "$dir/coordinator/parallax.db" "$dir"/{one,two}/spool.db; }

mkdir -m 700 "$dir/coordinator" "$dir/one" "$dir/two"
start_coordinator "$old"
programs=$old
check "the older coordinator" until_ok 20 p health
for name in one two; do
    "$old/parallax-agent" enroll "$(p agents token create --region "r-$name" --quiet 2>/dev/null)" \
        --data-dir "$dir/$name" --name "$name" >/dev/null
    start_agent "$name" "$old"
done
printf 'name: watched\nhost: 127.0.0.1\nport: %s\ncheck_interval: 500ms\ntimeout: 400ms\nlocations: [all]\nagents_per_location: 2\n' "$base" |
    p apply -f - >/dev/null
check "its agents probe" until_ok 30 two_up

stop c
start_coordinator "$bin" --http-listen off
unset programs
check "this coordinator, on the same data" until_ok 60 p health
before=$(sql 'SELECT sum(high_water) FROM streams')
check "hears the older agents" until_ok 90 two_up
check "and takes their results" until_ok 30 beyond $((before + 10))
check "a check by the older agents" p check "127.0.0.1:$base"
p agents list

stop one
start_agent one "$bin"
before=$(sql 'SELECT sum(high_water) FROM streams')
check "one agent upgraded: both are heard" until_ok 60 two_up
check "and results go on" until_ok 30 beyond $((before + 10))
p agents rotate-key one >/dev/null
check "the upgraded one changes its key" until_ok 30 grep -q agent_key_changed "$dir/one.log"
p monitors pause watched >/dev/null
until_ok 20 delivered || true
check "no result lost" delivered
check "and no gap" [ "$(sql 'SELECT count(*) FROM gaps')" = 0 ]
check_report
