# shellcheck shell=bash
# The lab's map: which nodes exist, who is linked to whom, and every address.
#
# Everything here is a pure function of the names below, so that `down`, `heal` and a
# person with `ip netns` can find things again without any saved state. A node NAME lives
# in the namespace PREFIX-NAME. All links are made inside these namespaces, nothing is
# ever added to the namespace the lab was started from.
#
#   agent us-east-a ── edge-us-east-a ──┐
#   agent eu-west-a ── edge-eu-west-a ──┼── transit-a ──┐
#   agent ap-south-a ─ edge-ap-south-a ─┘               │         ┌─ db
#                                                     core ─ lan ─┼─ mail
#   agent us-east-b ── edge-us-east-b ──┐               │         ├─ cache
#   agent eu-west-b ── edge-eu-west-b ──┼── transit-b ──┘         ├─ bastion
#   agent ap-south-b ─ edge-ap-south-b ─┘                         └─ web
#
#   ctl ── mgmt ── every agent (a second interface, and no route between the two)

REGIONS=(us-east eu-west ap-south)
PROVIDERS=(a b)
HOSTS=(db mail cache bastion web)

AGENTS=() EDGES=() TRANSITS=()
for _region in "${REGIONS[@]}"; do
    for _provider in "${PROVIDERS[@]}"; do
        AGENTS+=("$_region-$_provider")
        EDGES+=("edge-$_region-$_provider")
    done
done
for _provider in "${PROVIDERS[@]}"; do TRANSITS+=("transit-$_provider"); done
# Two routers side by side between transit-b and core: unused until `lab.sh spread on`.
SPREADS=(spread-1 spread-2)
ROUTERS=("${EDGES[@]}" "${TRANSITS[@]}" "${SPREADS[@]}" core)
NODES=("${AGENTS[@]}" "${ROUTERS[@]}" "${HOSTS[@]}" ctl)

# is_one_of WORD LIST…: is WORD in the list?
is_one_of() {
    local word=$1 item
    shift
    for item; do [[ $item == "$word" ]] && return 0; done
    return 1
}

is_node() { is_one_of "$1" "${NODES[@]}"; }
ns_of() { printf '%s-%s' "$PLX_LAB_PREFIX" "$1"; }

# index_of WORD LIST…: its place in the list, from 1.
index_of() {
    local word=$1 item i=0
    shift
    for item; do
        i=$((i + 1))
        [[ $item == "$word" ]] && { printf %d "$i"; return; }
    done
    return 1
}

region_of() { printf %s "${1%-*}"; }
provider_of() { printf %s "${1##*-}"; }

# Two digits that number an agent in every address that belongs to it: region, provider.
digits_of() {
    printf %d%d "$(index_of "$(region_of "$1")" "${REGIONS[@]}")" \
        "$(index_of "$(provider_of "$1")" "${PROVIDERS[@]}")"
}

agents_of_region() {
    local p
    for p in "${PROVIDERS[@]}"; do printf '%s\n' "$1-$p"; done
}

agents_of_provider() {
    local r
    for r in "${REGIONS[@]}"; do printf '%s\n' "$r-$1"; done
}

# Addresses. v4 SUBNET HOST -> 10.77.SUBNET.HOST, and the same digits for IPv6, so that a
# person can read one off the other.
addr4() { printf '10.77.%s.%s' "$1" "$2"; }
addr6() { printf 'fd77:0:0:%s::%s' "$1" "$2"; }
addr() { if [[ $1 == 4 ]]; then addr4 "$2" "$3"; else addr6 "$2" "$3"; fi; }

SERVER_SUBNET=100 # hosts .11 and up, core .1
MGMT_SUBNET=250   # ctl .1, agents . their two digits
SERVER_NET4=10.77.100.0/24
SERVER_NET6=fd77:0:0:100::/64

# node_addr 4|6 NODE: the address under which others speak of it. A router has several;
# this is the one it signs ICMP errors with when an agent's packet gets stuck there.
node_addr() {
    local family=$1 node=$2
    if is_one_of "$node" "${AGENTS[@]}"; then
        addr "$family" "$(digits_of "$node")" 10
    elif is_one_of "$node" "${EDGES[@]}"; then
        addr "$family" "$(digits_of "${node#edge-}")" 1
    elif is_one_of "$node" "${HOSTS[@]}"; then
        addr "$family" "$SERVER_SUBNET" "$((10 + $(index_of "$node" "${HOSTS[@]}")))"
    elif [[ $node == ctl ]]; then
        addr "$family" "$MGMT_SUBNET" 1
    else
        return 1 # transit and core sign with a different address towards each neighbour
    fi
}

mgmt_addr() { addr "$1" "$MGMT_SUBNET" "$(digits_of "$2")"; }

# path 4|6 AGENT HOST: the hops an agent's path trace sees, each with the address it signs
# its ICMP errors with towards that agent.
path() {
    local d p
    d=$(digits_of "$2")
    p=$(provider_of "$2")
    printf 'edge-%s %s\n' "$2" "$(addr "$1" "$d" 1)"
    printf 'transit-%s %s\n' "$p" "$(addr "$1" "1$d" 1)"
    printf 'core %s\n' "$(addr "$1" "20$(index_of "$p" "${PROVIDERS[@]}")" 1)"
    printf '%s %s\n' "$3" "$(node_addr "$1" "$3")"
}

# both DEV SUBNET HOST: `ip` batch lines that give DEV its two addresses and set it up.
both() {
    printf 'link set %s up\n' "$1"
    printf 'addr replace %s/24 dev %s\n' "$(addr4 "$2" "$3")" "$1"
    printf 'addr replace %s/64 dev %s nodad\n' "$(addr6 "$2" "$3")" "$1"
}

# route SUBNET|default SUBNET HOST: one route for each family via that neighbour.
route() {
    if [[ $1 == default ]]; then
        printf 'route replace default via %s\n' "$(addr4 "$2" "$3")"
        printf 'route replace default via %s\n' "$(addr6 "$2" "$3")"
    else
        printf 'route replace 10.77.%s.0/24 via %s\n' "$1" "$(addr4 "$2" "$3")"
        printf 'route replace fd77:0:0:%s::/64 via %s\n' "$1" "$(addr6 "$2" "$3")"
    fi
}

# links: every veth pair, as "node interface node interface".
links() {
    local agent p host
    for agent in "${AGENTS[@]}"; do
        printf '%s data edge-%s lan\n' "$agent" "$agent"
        printf 'edge-%s wan transit-%s %s\n' "$agent" "$(provider_of "$agent")" \
            "$(region_of "$agent")"
        printf '%s mgmt ctl %s\n' "$agent" "$agent"
    done
    for p in "${PROVIDERS[@]}"; do printf 'transit-%s core core transit-%s\n' "$p" "$p"; done
    for p in "${SPREADS[@]}"; do
        printf 'transit-b %s %s in\n' "$p" "$p"
        printf '%s out core %s\n' "$p" "$p"
    done
    for host in "${HOSTS[@]}"; do printf '%s eth0 core %s\n' "$host" "$host"; done
}

# node_setup NODE: `ip` batch lines for its addresses and routes. All of them may be run
# again on a node that already has them: that is how a cut cable is mended.
node_setup() {
    local node=$1 d p agent
    printf 'link set lo up\n'
    case $node in
    edge-*)
        d=$(digits_of "${node#edge-}")
        both lan "$d" 1
        both wan "1$d" 2
        route default "1$d" 1
        ;;
    transit-*)
        p=${node#transit-}
        while read -r agent; do
            d=$(digits_of "$agent")
            both "$(region_of "$agent")" "1$d" 1
            route "$d" "1$d" 2
        done < <(agents_of_provider "$p")
        d=$(index_of "$p" "${PROVIDERS[@]}")
        both core "20$d" 2
        route default "20$d" 1
        [[ $p != b ]] || spread_ends 21 1
        ;;
    spread-*)
        d=${node#spread-}
        both in "21$d" 2
        both out "22$d" 2
        route default "22$d" 1
        while read -r agent; do route "$(digits_of "$agent")" "21$d" 1; done \
            < <(agents_of_provider b)
        ;;
    core) core_setup ;;
    ctl)
        both mgmt "$MGMT_SUBNET" 1
        for agent in "${AGENTS[@]}"; do printf 'link set %s master mgmt up\n' "$agent"; done
        ;;
    *)
        if is_one_of "$node" "${HOSTS[@]}"; then
            both eth0 "$SERVER_SUBNET" "$((10 + $(index_of "$node" "${HOSTS[@]}")))"
            route default "$SERVER_SUBNET" 1
        else
            d=$(digits_of "$node")
            both data "$d" 10
            both mgmt "$MGMT_SUBNET" "$d"
            route default "$d" 1
            # Without its cable, mgmt must not be looked for on the data path.
            printf 'route replace unreachable %s/24 metric 9999\n' "$(addr4 "$MGMT_SUBNET" 0)"
            printf 'route replace unreachable %s/64 metric 9999\n' "$(addr6 "$MGMT_SUBNET" '')"
        fi
        ;;
    esac
}

# The core knows no default route: an address outside the lab is "net unreachable" there.
core_setup() {
    local host p d agent
    spread_ends 22 1
    both lan "$SERVER_SUBNET" 1
    for host in "${HOSTS[@]}"; do printf 'link set %s master lan up\n' "$host"; done
    for p in "${PROVIDERS[@]}"; do
        d=$(index_of "$p" "${PROVIDERS[@]}")
        both "transit-$p" "20$d" 1
        while read -r agent; do
            route "$(digits_of "$agent")" "20$d" 2
            route "1$(digits_of "$agent")" "20$d" 2
        done < <(agents_of_provider "$p")
    done
}

# spread_ends SUBNETS HOST: the addresses of a node at both parallel routers.
spread_ends() {
    local d
    for d in 1 2; do both "spread-$d" "$1$d" "$2"; done
}

# What comes back from the server network does not go over the parallel routers: the ways
# are asymmetric.
#
# Which flow goes where is nft's hash of addresses and ports, not the kernel's multipath
# route: over a veth a packet keeps the hash its sender's socket drew, which is another for
# every connect, and multipath prefers that to the ports.
spread_routes() {
    local d
    for d in 1 2; do
        printf 'rule add fwmark %s table 10%s\n' "$d" "$d"
        printf 'route replace table 10%s %s via %s\n' "$d" "$SERVER_NET4" "$(addr4 "21$d" 2)"
    done
}
spread_routes6() {
    local d
    for d in 1 2; do
        printf 'rule add fwmark %s table 10%s\n' "$d" "$d"
        printf 'route replace table 10%s %s via %s\n' "$d" "$SERVER_NET6" "$(addr6 "21$d" 2)"
    done
}
spread_rules() {
    cat <<EOF
table inet plx_spread {
    chain by_flow {
        type filter hook prerouting priority -150;
        ip daddr $SERVER_NET4 meta mark set jhash ip saddr . ip daddr . tcp sport . tcp dport mod 2 offset 1
        ip6 daddr $SERVER_NET6 meta mark set jhash ip6 saddr . ip6 daddr . tcp sport . tcp dport mod 2 offset 1
    }
}
EOF
}

# node_sysctls NODE: what to write below /proc/sys/net, one "path value" a line.
#
# accept_dad 0: an address is usable at once, not a second later. keep_addr_on_down:
# pulling a cable must not eat its IPv6 addresses. rp_filter 0: a one-way fault is a fault
# of the path, and must not become a drop for another reason.
node_sysctls() {
    local all
    for all in all default; do
        printf 'ipv4/conf/%s/rp_filter 0\n' "$all"
        printf 'ipv6/conf/%s/disable_ipv6 0\n' "$all"
        printf 'ipv6/conf/%s/accept_dad 0\n' "$all"
        printf 'ipv6/conf/%s/accept_ra 0\n' "$all"
        printf 'ipv6/conf/%s/keep_addr_on_down 1\n' "$all"
    done
    # Every ICMP error is sent. The masks matter as much as the rates: they also take the
    # types out of the limit that older kernels share between all namespaces.
    printf 'ipv4/icmp_ratelimit 0\n'
    printf 'ipv4/icmp_ratemask 0\n'
    printf 'ipv6/icmp/ratelimit 0\n'
    printf 'ipv6/icmp/ratemask \n'
    if is_one_of "$1" "${ROUTERS[@]}"; then
        printf 'ipv4/ip_forward 1\n'
        printf 'ipv6/conf/all/forwarding 1\n'
    fi
}
