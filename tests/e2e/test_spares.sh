#!/usr/bin/env bash
# A path fault that only a spare agent tells from a server fault: two agents of one
# provider watch a database, and their provider's way to it breaks. Between them they cannot
# tell; an agent of another provider, which does not watch it, is asked and reaches it.
#
#   test_spares.sh BIN_DIR
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"
FLEET_DIR=$(mktemp -d /tmp/plx-spares-XXXXXX)

cleanup() {
    local code=$?
    fleet_down >/dev/null 2>&1 || true
    if [[ $code -eq 0 ]]; then rm -rf "$FLEET_DIR"; else echo "logs are in $FLEET_DIR"; fi
}
trap cleanup EXIT

spare=ap-south-a
fleet_up us-east-b eu-west-b
fleet_enrol "$spare" >/dev/null
cat >"$FLEET_DIR/m.yaml" <<'EOM'
monitors:
  - {monitor_type: tcp, name: db, host: 10.77.100.11, port: 5432, check_interval: 3s, timeout: 1s,
     locations: [provider=b], agents_per_location: 2}
EOM
fleet_cli apply -f "$FLEET_DIR/m.yaml" >/dev/null
fleet_expect "all is well" db up 30

explain() { fleet_cli explain db --output json "$@" || true; }
# until_is SECONDS FILTER: until explain's answer is so.
until_is() {
    local end=$((SECONDS + $1))
    until explain | jq -e "$2" >/dev/null 2>&1; do
        ((SECONDS < end)) || { explain | jq -c '{verdict, sentence, coverage, spares}' && return 1; }
        sleep 0.2
    done
}
check "two watch it" until_is 40 '.coverage == {fresh: 2, assigned: 2} and .spares == []'

# Without the third, two of one provider cannot tell the way from the target.
"$LAB" cut provider b host db >/dev/null
check "both fail, and nobody can tell" until_is 40 \
    '[.locations[].ok] == [false, false] and .spares == [] and .covering_faults == []'
fleet_start_agent "$spare"
fleet_expect "a spare agent reaches it" db path_failure 40
check "the sentence names the way and counts the spare" until_is 30 \
    '.sentence | test("1 other connects \\(a spare agent\\): the path b>10.77.100.0/24 is broken, the service is up")'
check "it is no location: coverage is of those who watch" until_is 30 \
    '(.coverage | .fresh == 2 and .assigned == 2) and (.locations | length == 2)'
check "what it saw is shown apart" until_is 30 \
    '.spares | length == 1 and (.[0] | .agent == "'$spare'" and .outcome == "open" and .belief == "fresh")'
check "… for people too" grep -qE "$spare \(ap-south, a\): open in .*believed: fresh" <<<"$(fleet_cli explain db)"
check "never was it said to be down" bash -c '! grep -qE "event=verdict .*now=[a-z]*_down" "$0"' \
    "$FLEET_DIR/coordinator.log"

# Judged again from what is stored, by another process, the same comes out.
# The judge of a past moment ticks at other fractions of a second than the one that lived it.
past() { explain --at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" | jq -e "$1" >/dev/null; }
check "at a moment just past: the same verdict, by the same spare" until_ok 30 past \
    '.verdict == "path_failure" and (.spares | length == 1 and .[0].outcome == "open")'
check "replayed: nothing would have paged" fleet_cli replay --since 3m

"$LAB" heal all >/dev/null
fleet_expect "mended" db up 40
check "nobody needs the spare any more" until_is 40 \
    '.spares == [] and .coverage == {fresh: 2, assigned: 2} and (.sentence | test("from 2 of 2 locations"))'
check "it was never a location in the uptime" test \
    "$(fleet_cli uptime db --output json | jq -r '[.. | .region? // empty] | unique | index("ap-south") == null')" = true
check_report
