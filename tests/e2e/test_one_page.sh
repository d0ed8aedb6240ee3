#!/usr/bin/env bash
# One page per cause, on a real fleet in the network lab: six agents of three regions watch
# 500 monitors. A region loses its uplink: one page about the region, none about a server.
# While it is away a host with 40 monitors and a network of 30 hosts die: one page each,
# with all their monitors. Each ends once.
#
#   test_one_page.sh BIN_DIR [each [WAY…]]    each: every one of them alone, in several ways
#                                             of dying (die, below); a quarter of an hour
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"
FLEET_DIR=$(mktemp -d /tmp/plx-fleet-XXXXXX)
declare -A farms=() # of each node with services, the process

cleanup() {
    local code=$?
    kill "${farms[@]}" 2>/dev/null || true
    fleet_stop hook || true
    fleet_down >/dev/null 2>&1 || true
    if [[ $code -eq 0 ]]; then rm -rf "$FLEET_DIR"; else echo "logs are in $FLEET_DIR"; fi
}
trap cleanup EXIT

# within SECONDS COMMAND…: by the clock, for here the seconds are the matter.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

# ---- the fleet ----

host=10.77.100.12   # mail: 40 services of one machine
network=10.77.120   # behind cache: 30 hosts with two services each
others=10.77.140    # behind web, in four networks: 100 hosts with four services each
agents=(us-east-a us-east-b eu-west-a eu-west-b ap-south-a ap-south-b)
targets=()

# serve NODE ADDRESS:PORT…: services at that node.
serve() {
    "$LAB" exec "$1" python3 "$here/../lib/services.py" "${@:2}" \
        <&"$orders" >>"$FLEET_DIR/farm-$1.log" 2>&1 &
    farms[$1]=$!
}

# farm NODE ADDRESS:PORT…: the same, with the addresses; they are to be watched.
farm() {
    local targets_here=("${@:2}")
    printf '%s\n' "${targets_here[@]%:*}" | sort -u | sed 's|.*|addr replace &/32 dev lo|' |
        "$LAB" exec "$1" ip -batch -
    serve "$@"
    targets+=("${targets_here[@]}")
}

start_farms() {
    local i list
    mkfifo "$FLEET_DIR/orders" # nobody gives any; they would end with their input
    exec {orders}<>"$FLEET_DIR/orders"
    "$LAB" exec core ip route replace "$network.0/24" via "$("$LAB" addr cache)"
    "$LAB" exec core ip route replace "$others.0/22" via "$("$LAB" addr web)"
    mapfile -t list < <(for ((i = 0; i < 40; i++)); do echo "$host:$((9000 + i))"; done)
    farm mail "${list[@]}"
    mapfile -t list < <(for ((i = 1; i <= 30; i++)); do
        printf '%s\n' "$network.$i:80" "$network.$i:443"
    done)
    farm cache "${list[@]}"
    mapfile -t list < <(for ((i = 0; i < 400; i++)); do
        printf '10.77.%d.%d:%d\n' $((140 + i / 100)) $((i % 25 + 1)) $((8000 + i / 25 % 4))
    done)
    farm web "${list[@]}"
}

write_config() {
    local target
    cat <<YAML
receivers:
  - {name: hook, kind: webhook, url: "http://127.0.0.1:9999/", max_per_minute: 6000}
routes:
  - {receivers: [hook]}
monitors:
YAML
    for target in "${targets[@]}"; do
        printf '  - {monitor_type: tcp, host: %s, port: %s, check_interval: 5s, timeout: 2s,' \
            "${target%:*}" "${target#*:}"
        printf ' locations: [us-east, eu-west, ap-south], agents_per_location: 2}\n'
    done
}

start_agent() {
    fleet_enrol "$1" >/dev/null
    fleet_start "$1" "agent-$1" "$PLX_BIN/parallax-agent" run \
        --config "$FLEET_DIR/agent.yaml" --data-dir "$FLEET_DIR/agent-$1"
}

start_fleet() {
    local node starting=()
    fleet_up >/dev/null
    start_farms
    fleet_start ctl hook python3 "$here/../lib/webhook_peer.py" "$FLEET_DIR" hook=9999
    # 40 services of one address: eight probes a second.
    printf 'limits: {per_target_rate: 200, per_target_burst: 200}\n' >"$FLEET_DIR/agent.yaml"
    for node in "${agents[@]}"; do
        start_agent "$node" &
        starting+=($!)
    done
    wait "${starting[@]}"
    write_config >"$FLEET_DIR/all.yaml"
    fleet_cli apply -f "$FLEET_DIR/all.yaml" | tail -n 1
}

# statuses FILTER: whether that is so of the list of monitors.
statuses() {
    { fleet_cli status --output json 2>/dev/null || true; } | jq -e ".monitors | $1" >/dev/null
}
seen_by_all='length == 500 and all(.[]; .verdict == "up" and .coverage.fresh == 6)'
# Of each what its own region's two agents see last is a failure, and it is not called down.
blind='[.[].locations[] | select(.region == "us-east")] | length == 1000 and all(.[]; .outcome != "open")'
quiet() { fleet_cli incidents list -o json | jq -e '.incidents == []'; }

# ---- what was told ----

# told FILTER: how many notices are so.
told() { jq -c ".body | fromjson | select($1)" "$FLEET_DIR/hook.jsonl" | wc -l; }
has_told() { [[ $(told "$1") -ge 1 ]]; }
show_told() {
    jq -r '.body | fromjson | "        \(.event) \(.severity) \(.kind) \(.entity) of \(.n_affected): \(.title)"' \
        "$FLEET_DIR/hook.jsonl"
}
is_page='.event == "open" or .event == "escalate" or .event == "repeat"'
page='.event == "open" and'
over='.event == "resolve" and'
of_servers='.severity == "critical"'
of_region='.kind == "region" and .entity == "us-east"'
of_host=".kind == \"host\" and .entity == \"$host\""
of_services=".kind == \"service\" and .entity == \"$host\"" # it answers: refused
of_network=".kind == \"network\" and .entity == \"$network.0/24\""

# wait_for WHAT SECONDS COMMAND…: a counted check; says how long it took.
wait_for() {
    local what=$1 limit=$2 began=$EPOCHREALTIME
    shift 2
    if within "$limit" "$@"; then
        ok "$what, after $(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}') s"
    else
        not_ok "$what"
        show_told
        fleet_cli incidents list || true
    fi
}
# told_times WHAT N FILTER
told_times() {
    local n
    n=$(told "$3")
    if [[ $n == "$2" ]]; then ok "$1: $n"; else
        not_ok "$1: $n, not $2"
        show_told
    fi
}
# has_members N FILTER: so many monitors are in the one open incident that is so.
has_members() {
    fleet_cli incidents list -o json |
        jq -e "[.incidents[] | select($2)] | length == 1 and (.[0] | .affected == $1 and .members == $1)"
}
begin() {
    wait_for "500 monitors are up, each seen by six agents" 90 statuses "$seen_by_all"
    wait_for "nothing is open" 120 quiet
    : >"$FLEET_DIR/hook.jsonl"
}

# ---- all at once ----

together() {
    begin
    "$LAB" unplug region us-east >/dev/null
    wait_for "us-east has lost its uplink: it is told" 60 has_told "$page $of_region"
    wait_for "of 500 monitors both its agents see failures only" 60 statuses "$blind"
    told_times "pages about servers" 0 "$page $of_servers"
    check "and all 500 are up" statuses 'all(.[]; .verdict == "up")'

    "$LAB" unplug host mail >/dev/null
    "$LAB" unplug host cache >/dev/null
    wait_for "a host with 40 monitors is dead: it is told" 60 has_told "$page $of_host"
    wait_for "a network of 30 hosts is dead: it is told" 60 has_told "$page $of_network"
    wait_for "all 40 monitors are in the one incident" 60 has_members 40 "$of_host"
    wait_for "all 60 monitors are in the other" 60 has_members 60 "$of_network"

    "$LAB" heal all >/dev/null
    wait_for "all is well again" 180 quiet
    told_times "pages about the region" 1 "$page $of_region"
    told_times "about the host" 1 "$page $of_host"
    told_times "about the network" 1 "$page $of_network"
    told_times "pages in all" 3 "$is_page"
    told_times "ends: of the region" 1 "$over $of_region"
    told_times "of the host, with its 40 monitors" 1 "$over $of_host and .n_affected == 40"
    told_times "of the network, with its 60" 1 "$over $of_network and .n_affected == 60"
    told_times "in all" 3 '.event == "resolve"'
}

# ---- each alone ----

# die WORD: in that way; live: as before.
die() {
    case $1 in
    region-unplugged) "$LAB" unplug region us-east ;;
    region-silent) edges 'add rule inet plx_one out oifname "wan" drop' ;;
    region-gone) "$LAB" unplug region us-east && "$LAB" unplug mgmt us-east-a && "$LAB" unplug mgmt us-east-b ;;
    host-unplugged) "$LAB" unplug host mail ;;
    host-silent) "$LAB" cut host mail ;;
    host-refuses) kill "${farms[mail]}" ;;
    network-unplugged) "$LAB" unplug host cache ;;
    network-silent) "$LAB" exec core ip route replace blackhole "$network.0/24" ;;
    network-unreachable) "$LAB" exec core ip route replace unreachable "$network.0/24" ;;
    esac >/dev/null
}
edges() {
    local node
    for node in us-east-a us-east-b; do
        printf 'add table inet plx_one\ndelete table inet plx_one\nadd table inet plx_one\n%s\n%s\n' \
            'add chain inet plx_one out { type filter hook forward priority 5; }' "$@" |
            "$LAB" exec "edge-$node" nft -f -
    done
}
live() {
    "$LAB" heal all >/dev/null
    edges
    "$LAB" exec core ip route replace "$network.0/24" via "$("$LAB" addr cache)"
    kill -0 "${farms[mail]}" 2>/dev/null || serve mail "${targets[@]:0:40}"
}

# alone WORD WHOM N_MEMBERS: that many affected monitors in the end, one page, one end.
alone() {
    echo "# $1"
    begin
    die "$1"
    wait_for "it is told" 90 has_told "$page $2"
    if [[ $3 == 0 ]]; then
        wait_for "it is seen of all" 120 statuses "($blind) or all(.[]; .coverage.fresh == 4)"
        check "all 500 are up" statuses 'all(.[]; .verdict == "up")'
    else
        wait_for "with all $3 monitors" 60 has_members "$3" "$2"
        wait_for "which those who know of it are told a minute later" 90 has_told ".event == \"update\" and $2 and .n_affected == $3"
    fi
    live
    wait_for "it is over" 240 quiet
    told_times "pages" 1 "$is_page"
    told_times "of it" 1 "$page $2"
    told_times "ends" 1 '.event == "resolve"'
    show_told
}

# each [WORD…]: all of them without one.
each() {
    local way
    [[ $# -gt 0 ]] || set -- {region-{unplugged,silent,gone},host-{unplugged,silent,refuses}} \
        network-{unplugged,silent,unreachable}
    for way; do
        case $way in
        region-*) alone "$way" "$of_region" 0 ;;
        host-refuses) alone "$way" "$of_services" 40 ;;
        host-*) alone "$way" "$of_host" 40 ;;
        network-*) alone "$way" "$of_network" 60 ;;
        esac
    done
}

start_fleet
began=$SECONDS
if [[ ${2-} == each ]]; then each "${@:3}"; else together; fi
echo "        $((SECONDS - began)) s"
check_report
