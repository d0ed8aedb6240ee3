#!/usr/bin/env bash
# Every class of fault made for real: 3 regions x 2 providers watch 8 services on 4 hosts.
# The judge must name the class and the entity; monitors behind a broken path stay up.
#
#   test_lab_faults.sh BIN_DIR
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"

FLEET_DIR=$(mktemp -d /tmp/plx-fleet-XXXXXX)
declare -A addresses=([db]=10.77.100.11 [mail]=10.77.100.12 [cache]=10.77.100.13
    [bastion]=10.77.100.14)
declare -A first=([db]=postgres [mail]=smtp [cache]=redis [bastion]=ssh)
declare -A port=([db]=5432 [mail]=25 [cache]=6379 [bastion]=22)
seconds=()

cleanup() {
    local code=$? host
    for host in "${!addresses[@]}"; do fleet_stop "second-$host"; done
    fleet_down >/dev/null 2>&1 || true
    if [[ $code -eq 0 ]]; then rm -rf "$FLEET_DIR"; else echo "logs are in $FLEET_DIR"; fi
}
trap cleanup EXIT

# A second service on each host: a Redis of its own.
start_second_services() {
    local host
    for host in "${!addresses[@]}"; do
        fleet_start "$host" "second-$host" redis-server --port 7000 --save '' \
            --bind "${addresses[$host]}" --protected-mode no --dir "$FLEET_DIR"
        seconds+=("second-$host")
    done
}

write_monitors() {
    local host name
    echo "monitors:"
    for host in "${!addresses[@]}"; do
        for name in "${first[$host]}:${port[$host]}" "second-$host:7000"; do
            printf '  - {name: %s, host: %s, port: %s, check_interval: 5s, timeout: 2s,\n' \
                "${name%:*}" "${addresses[$host]}" "${name#*:}"
            printf '     locations: [all], agents_per_location: 2}\n'
        done
    done
}

faults() {
    { fleet_cli status --output json 2>/dev/null || true; } |
        jq -r '.faults[] | "\(.class) \(.entity)"'
}

# names CLASS ENTITY_REGEX SECONDS: until exactly such a fault is open.
until_named() {
    local tries=$(($3 * 5)) all
    while :; do
        all=$(faults)
        if grep -qE "^$1 $2\$" <<<"$all"; then return 0; fi
        ((tries-- > 0)) || return 1
        sleep 0.2
    done
}

until_quiet() {
    local tries=$(($1 * 5))
    until [[ -z $(faults) ]]; do
        ((tries-- > 0)) || return 1
        sleep 0.2
    done
}

# case_of WHAT CLASS ENTITY_REGEX MONITOR VERDICT -- FAULT WORDS…
case_of() {
    local what=$1 class=$2 entity=$3 monitor=$4 verdict=$5
    shift 6
    "$LAB" "$@" >/dev/null
    local began=$SECONDS
    if until_named "$class" "$entity" 75; then
        ok "$what: $class $(faults | sed -n "s/^$class //p" | xargs), after $((SECONDS - began)) s"
        fleet_expect "  and" "$monitor" "$verdict" 15
        check "  explain names it" grep -qE "$entity" <(fleet_cli explain "$monitor" || true)
    else
        not_ok "$what: no $class $entity among: $(faults | xargs -d '\n')"
        fleet_cli status || true
    fi
    if [[ $1 == service ]]; then "$LAB" service start "$3" >/dev/null; fi
    "$LAB" heal all >/dev/null
    check "  healed, no fault is left" until_quiet 90
}

agents=(us-east-a us-east-b eu-west-a eu-west-b ap-south-a ap-south-b)
fleet_up "${agents[@]}"
start_second_services
write_monitors >"$FLEET_DIR/monitors.yaml"
fleet_cli apply -f "$FLEET_DIR/monitors.yaml" | tail -n 1
for name in postgres smtp redis ssh "${seconds[@]}"; do
    fleet_expect "all is well" "$name" up 30
done
comes_to_six() {
    local tries=150
    until fleet_status postgres | jq -e '.coverage.fresh == 6' >/dev/null; do
        ((tries-- > 0)) || return 1
        sleep 0.2
    done
}
check "six locations watch" comes_to_six
check_privileges

case_of "a service is stopped" service redis redis service_down -- service stop redis
case_of "a host is silenced" host 10.77.100.12 second-mail host_down -- cut host mail
case_of "a network is silenced" network '10.77.100.0/24' ssh network_down -- cut net
case_of "one agent's path to one host" path 'us-east-a>10.77.100.11' postgres \
    path_failure -- cut agent us-east-a host db
case_of "a region's path" path 'eu-west>10.77.100.0/24' ssh path_failure -- \
    cut region eu-west
case_of "a provider's path" path 'b>10.77.100.0/24' smtp path_failure -- cut provider b
# With traces to one target only it may be the link behind that hop.
check "  over all monitors the failing ways lead to one hop, and no working one does" grep -qE \
    'event=place .*fleet=.* of 3 agents to [1-4] targets?\) lead (to|from) 10\.77\.202\.1( to [0-9.]+)?, and none of' "$FLEET_DIR/coordinator.log"
case_of "a filter at the host" filter '10.77.100.14' ssh filtered -- \
    reject admin-prohibited provider a host bastion at bastion
case_of "an agent without a route" agent ap-south-b redis up -- unplug agent ap-south-b
check_report
