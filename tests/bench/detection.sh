#!/usr/bin/env bash
# How fast a dead service is a verdict: in the network lab, five locations, an interval of
# 60 s. From the start of the first scheduled probe that met the failure (of any location)
# to the verdict, for refused and for dropped connections: the median and the maximum; and
# the same from the breaking itself, the wait for a scheduled probe included.
#
#   detection.sh BIN_DIR [RUNS]     RUNS of each kind, default 20 (some 40 s each)
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
runs=${2:-20}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"
FLEET_DIR=$(mktemp -d /tmp/plx-detection-XXXXXX)
trap 'fleet_down >/dev/null 2>&1 || true; rm -rf "$FLEET_DIR"' EXIT

hosts=(db mail cache bastion)
declare -A address=([db]=10.77.100.11 [mail]=10.77.100.12 [cache]=10.77.100.13 [bastion]=10.77.100.14)
declare -A port=([db]=5432 [mail]=25 [cache]=6379 [bastion]=22)
TIMEOUT=5

fleet_up us-east-a eu-west-a ap-south-a us-east-b eu-west-b >/dev/null
# Beside each service a closed port that is meant to be closed: the host is seen to answer.
for host in "${hosts[@]}"; do
    for what in "$host ${port[$host]} open" "$host-closed 81 refused"; do
        read -r name at expect <<<"$what"
        printf -- '- {monitor_type: tcp, name: %s, host: %s, port: %s, expect: %s, check_interval: 60s, timeout: %ss, locations: [all], agents_per_location: 5}\n' \
            "$name" "${address[$host]}" "$at" "$expect" "$TIMEOUT"
    done
done >"$FLEET_DIR/monitors.yaml"
sed -i '1i monitors:' "$FLEET_DIR/monitors.yaml"
fleet_cli apply -f "$FLEET_DIR/monitors.yaml" >/dev/null
for host in "${hosts[@]}"; do
    fleet_wait "$host" up 90 >/dev/null
done
# all_open NAME…: until each location has seen each of them open.
all_open() {
    local tries=200
    until [[ $(fleet_cli status "$@" --output json | jq '[.monitors[].locations[] | select(.outcome != "open")] | length') == 0 ]] ||
        ((tries-- == 0)); do sleep 0.5; done
}
all_open "${hosts[@]}"

# seconds_of NAME: from the first failing probe's start to the verdict.
seconds_of() {
    fleet_cli explain "$1" --output json | jq -r '
        def s: capture("(?<a>.*?)(?<f>\\.[0-9]+)?Z") |
            (.a + "Z" | fromdate) + ((.f // "0") | if . == "0" then 0 else ("0" + .) | tonumber end);
        ([.locations[] | select(.ok | not) | .run_since | s] | min) as $began |
        (.history[0].at | s) - $began'
}

report() {
    sort -n "$FLEET_DIR/$1" | awk -v kind="$1" -v less="$2" '
        {v[NR] = $1 - less}
        END {printf "%-13s %d runs: median %.2f s, maximum %.2f s%s\n", kind, NR,
            NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2, v[NR],
            less ? " beyond the timeout of " less " s" : ""}'
}

turn=0
for ((run = 0; run < runs; run++)); do
    for kind in refused dropped; do
        # Another host each time, so that the one before has time to be seen well again.
        host=${hosts[turn++ % ${#hosts[@]}]}
        all_open "$host"
        # The last location was just seen: a failure does not wait for that.
        sleep "$((RANDOM % (60 / 5))).$((RANDOM % 10))"
        if [[ $kind == refused ]]; then
            fault=(reject reset to host "$host" port "${port[$host]}")
        else
            fault=(cut host "$host" port "${port[$host]}")
        fi
        "$LAB" "${fault[@]}" >/dev/null
        broken=$EPOCHREALTIME
        if fleet_wait "$host" service_down 60 >/dev/null; then
            seconds_of "$host" | tee -a "$FLEET_DIR/$kind" | sed "s/^/$kind $host /" >&2
            at=$(fleet_cli explain "$host" --output json | jq -r '.history[0].at')
            awk -v at="$(date -d "$at" +%s.%N)" -v broken="$broken" \
                'BEGIN {print at - broken}' >>"$FLEET_DIR/$kind-whole"
        else
            echo "$kind $host: no verdict, but $(fleet_verdict "$host")" >&2
        fi
        "$LAB" heal all >/dev/null
    done
done
report refused 0
report dropped "$TIMEOUT"
echo "From the breaking, the wait for a scheduled probe included:"
report refused-whole 0
report dropped-whole 0
