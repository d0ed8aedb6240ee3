#!/usr/bin/env bash
# Where it broke: faults of every kind in the network lab, and the place that is named.
# For each: the place holds what was broken, and names nothing that is not next to it.
#
#   test_places.sh BIN_DIR
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"
FLEET_DIR=$(mktemp -d /tmp/plx-places-XXXXXX)
trap 'fleet_down >/dev/null 2>&1 || true; rm -rf "$FLEET_DIR"' EXIT

declare -A target=([db]=10.77.100.11:5432 [mail]=10.77.100.12:25 [cache]=10.77.100.13:6379
    [bastion]=10.77.100.14:22 [db6]='[fd77:0:0:100::11]:5432')

# node_of ADDRESS: whose it is. The digits are the lab's (tests/net/lib/topology.sh).
node_of() {
    local subnet host agent region=([1]=us-east [2]=eu-west [3]=ap-south) provider=([1]=a [2]=b)
    if [[ $1 == *:* ]]; then
        subnet=${1#fd77:0:0:} subnet=${subnet%%::*} host=${1##*::}
    else
        subnet=$(cut -d. -f3 <<<"$1") host=${1##*.}
    fi
    agent=${region[${subnet: -2:1}]-}-${provider[${subnet: -1}]-}
    case $subnet/$host in
    100/*) echo target ;;
    201/1 | 202/1 | 22?/1) echo core ;;
    211/2) echo spread-1 ;;
    212/2) echo spread-2 ;;
    [123][12]/*) echo "edge-$agent" ;;
    1[123][12]/*) echo "transit-${agent##*-}" ;;
    *) echo "unknown:$1" ;;
    esac
}

# look HOST [OPTION…]: traces it; the answer in $got, the nodes that its place names in
# $named.
look() {
    local kind after before
    got=$(fleet_cli trace "${target[$1]}" --output json "${@:2}") || true
    named=()
    while IFS='|' read -r kind after before; do
        [[ $kind != none && $kind != unknown ]] || continue
        [[ $kind != near_agent ]] || named+=(near)
        [[ -z $after ]] || named+=("$(node_of "$after")")
        if [[ -n $before ]]; then
            named+=("$(node_of "$before")")
        elif [[ $kind == between || $kind == at_target ]]; then
            named+=(target)
        fi
    done < <(jq -r '.place.parts[] | [.kind, .after // "", .before // ""] | join("|")' <<<"$got")
    mapfile -t named < <(printf '%s\n' "${named[@]}" | sort -u)
}

is() { jq -e "$1" <<<"$got" >/dev/null; }

# place TITLE TRUTH ALLOWED HOST [OPTION…]: the place names TRUTH and nothing but the nodes
# of ALLOWED. TRUTH "return": a way back, which has to be said as possible.
place() {
    local title=$1 truth=$2 allowed=" $3 " node wrong=''
    look "${@:4}"
    for node in "${named[@]}"; do [[ $allowed == *" $node "* ]] || wrong+=" $node"; done
    if [[ $truth == return ]]; then
        is .place.maybe_return || wrong+=' (no word of the way back)'
    elif [[ " ${named[*]} " != *" $truth "* ]]; then
        wrong+=" (not $truth)"
    fi
    if [[ -z $wrong ]]; then
        ok "$title: $(jq -r .place.sentence <<<"$got")"
    else
        not_ok "$title: names$wrong: ${named[*]}"
        jq -c .place <<<"$got"
    fi
    "$LAB" heal all >/dev/null
}

fleet_up us-east-a eu-west-a us-east-b ap-south-b >/dev/null
tries=300
until [[ $(fleet_cli agents list --output json | jq '[.agents[] | select(.state == "live")] | length') == 4 ]] ||
    ((tries-- == 0)); do sleep 0.1; done
check_privileges

good=0
for host in "${!target[@]}"; do
    look "$host" --flows 4
    is '.place.kind == "none" and (.answers | length) == 4' && good=$((good + 1))
done
check "in good times every way leads there" test "$good" = "${#target[@]}"

"$LAB" unplug provider a >/dev/null
place "the link of a transit provider" core "transit-a core" db
"$LAB" unplug region us-east >/dev/null
place "the links of a region" edge-us-east-a "near edge-us-east-a edge-us-east-b transit-a transit-b" mail
"$LAB" unplug host db >/dev/null
place "the link of the host" target "core target" db
"$LAB" cut agent us-east-a at edge-us-east-a >/dev/null
place "an edge router" edge-us-east-a "near edge-us-east-a transit-a" cache
"$LAB" cut provider a to net at transit-a >/dev/null
place "a transit router" transit-a "transit-a core" bastion
"$LAB" cut host mail >/dev/null
place "the router before the hosts" core "core target" mail
"$LAB" drop requests from region us-east to host cache at transit-a >/dev/null
place "a filter that drops" transit-a "transit-a core" cache
check "… of one region, where others get through: said" is '.place.sentence | test("eu-west")'
"$LAB" reject admin-prohibited from region us-east to host db at transit-a >/dev/null
place "a filter that rejects" transit-a transit-a db
"$LAB" reject reset from region us-east to host bastion at transit-a >/dev/null
place "a filter that resets, in the target's name" transit-a "transit-a core" bastion
"$LAB" reject reset to host mail >/dev/null
place "one right before the target" core "core target" mail
"$LAB" drop replies from region us-east to host cache at transit-a >/dev/null
place "a way back" return "core target" cache
"$LAB" cut ipv6 host db >/dev/null
place "IPv6 only" core "core target" db6
"$LAB" cut ipv6 host db >/dev/null
look db
check "… and IPv4 leads there" is '.place.kind == "none"'
"$LAB" heal all >/dev/null

# A burst is five attempts from each, on ports of their own.
burst() { got=$(fleet_cli check "${target[mail]}" --burst --output json) || true; }
burst
check "a burst of a service that is well" is '.bursts | length == 4 and all(.attempts == 5 and .ok == 5)'
"$LAB" flows 50 from region us-east to host mail >/dev/null
for _ in 1 2 3; do
    burst
    ! is '.bursts | map(select(.ok > 0 and .ok < 5)) | length > 0' || break
done
check "… of one that loses some flows: k of n" is '.bursts | map(select(.ok > 0 and .ok < 5)) | length > 0'
check "… and the others see five of five" is '[.bursts[] | select(.region != "us-east") | .ok] | all(. == 5)'
"$LAB" heal all >/dev/null

"$LAB" nat on us-east-a >/dev/null
look bastion --flows 4
check "a way through a NAT is a way" is '.place.kind == "none"'
"$LAB" cut agent us-east-a at edge-us-east-a >/dev/null
place "a NAT that drops" edge-us-east-a "near edge-us-east-a transit-a" bastion
"$LAB" nat off us-east-a >/dev/null

"$LAB" spread on >/dev/null
look cache --flows 8 --from ap-south
both=$(jq '[.answers[] | .flows[].hops[].from |
    select(. == "10.77.211.2" or . == "10.77.212.2")] | unique | length' <<<"$got")
check "flows are spread over both ways" test "$both" = 2
"$LAB" exec spread-2 sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward' >/dev/null
place "a member of a spread way" spread-2 "transit-b spread-2 target" cache --flows 16 --from ap-south
check "… said as some of the flows" is '.place | .partial and .failing_flows > 0 and .failing_flows < .flows'
"$LAB" exec spread-2 sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' >/dev/null
"$LAB" spread off >/dev/null

# The same by itself: a fault that opens has its place found, and explain tells of it.
# Three agents watch; the one in another region is a spare.
for host in db mail; do
    cat <<EOF
  - {monitor_type: tcp, name: $host, host: ${target[$host]%:*}, port: ${target[$host]#*:}, check_interval: 5s,
     timeout: 1s, locations: [us-east, eu-west], agents_per_location: 2}
EOF
done >"$FLEET_DIR/list.yaml"
{ echo "monitors:" && cat "$FLEET_DIR/list.yaml"; } >"$FLEET_DIR/m.yaml"
fleet_cli apply -f "$FLEET_DIR/m.yaml" >/dev/null
fleet_expect "watched" db up 60
fleet_expect "watched" mail up 60
explain() { got=$(fleet_cli explain db --output json) || true; }
until_is() { # SECONDS COMMAND FILTER…: until the answer is so
    local end=$((SECONDS + $1)) filter=$3
    until "$2" && is "$filter" 2>/dev/null; do
        ((SECONDS < end)) || { jq -c '.places[] | del(.traces)' <<<"$got" && return 1; }
        sleep 0.2
    done
}
"$LAB" cut host db >/dev/null
fleet_expect "broken" db host_down 60
check "the fault has its place" until_is 60 explain '.places[0] | .waiting == 0 and .place.kind == "between" and .place.failing_flows == .place.flows'
check "… with the traces of now and of good times" \
    is '.places[0].traces | length == 4 and all(.now != null and .before != null)'
check "… and no hop is suspected that ways to another host lead over" \
    is '.places[0].suspects | map(.hop) | index("10.77.201.1") == null'
check "… in the fleet all lead to the target, and what works does not" \
    is '.places[0].fleet | .kind == "hop" and .before == "10.77.100.11" and .over == .failing and .over >= 2'
check "a spare agent looked at once, from elsewhere" until_is 30 explain \
    '.places[0].spares | length == 1 and .[0].outcome == "timeout" and .[0].region == "ap-south"'
check "… for people too" grep -q 'spare agents looked too: .*(ap-south' <<<"$(fleet_cli explain db)"
check "… and that is where it broke" grep -q 'Where it broke' <<<"$(fleet_cli explain db)"

incident=$(fleet_cli incidents list --output json | jq '[.incidents[] | select(.kind == "host") | .id][0]')
show() { got=$(fleet_cli incidents show "$incident" --output json) || true; }
check "the incident has it" until_is 30 show '.places | length == 1 and (.[0].traces | length == 4) and (.[0].spares | length == 1)'
check "… for people too" grep -q 'where it broke' <<<"$(fleet_cli incidents show "$incident")"
sentence=$(jq -r '.places[0].place.sentence' <<<"$got")
fleet_stop coordinator KILL
for node in us-east-a eu-west-a us-east-b ap-south-b; do fleet_stop "agent-$node"; done
fleet_start_coordinator
show
check "after a crash the incident has it still, traces and all" \
    is "(.places[0].place.sentence == \"$sentence\") and (.places[0].traces | length == 4 and all(.now.flows | length == 8))"
explain
check "… and explain tells of it, though nobody can trace now" is '.places | length >= 1 and (.[0].traces | length == 4)'
check_report
