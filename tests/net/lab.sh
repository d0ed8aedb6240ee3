#!/usr/bin/env bash
# The network lab: regions, transit routers, a server network with real services and a
# management network, all in network namespaces of this machine. See `lab.sh help`, and
# README.md beside this file.
set -euo pipefail
# Messages of tools are compared and shown; a root shell may lack the sbin folders.
export LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

PLX_LAB_PREFIX=${PLX_LAB_PREFIX:-plx}
PLX_LAB_DIR=$(realpath -m -- "${PLX_LAB_DIR:-/tmp/$PLX_LAB_PREFIX-lab}")

SELF=$(readlink -f "${BASH_SOURCE[0]}")
HERE=${SELF%/*}
# shellcheck source=tests/net/lib/topology.sh
. "$HERE/lib/topology.sh"
# shellcheck source=tests/net/lib/services.sh
. "$HERE/lib/services.sh"
# shellcheck source=tests/net/lib/faults.sh
. "$HERE/lib/faults.sh"

say() { printf '%s\n' "$*"; }
die() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}

in_ns() {
    local node=$1
    shift
    ip netns exec "$(ns_of "$node")" "$@"
}

help() {
    cat <<EOF
usage: lab.sh COMMAND …                                      (as root)

The lab
  up [--no-services]      make it, or complete it; does nothing if it is there
  down                    remove all of it, whatever state it is in
  status                  what runs and what is broken
  hosts                   every node with its addresses
  addr NODE [4|6] [mgmt]  one address (IPv4 of the data path unless told otherwise)
  path AGENT HOST [4|6]   the hops between them, with the addresses a trace sees
  exec NODE CMD…          run a command at a node
  capture NODE FILE [FILTER]     start tcpdump at a node; returns once it listens
  capture stop [NODE]            end it; FILE is complete afterwards
  spread on|off           spread the flows from provider b over spread-1 and spread-2,
                          which stand side by side between transit-b and core
  nat on|off AGENT        its edge router lets it out under the router's own address
  service start|stop|restart|freeze|thaw|status NAME…|all
                          NAME: ${SERVICES[*]}

Faults: VERB [AMOUNT] WHERE
  cut WHERE               drop everything, both ways, silently
  drop requests|replies WHERE    drop one way only (requests if you do not say)
  reject KIND WHERE       refuse what clients send, with an ICMP error or a reset
                          (${REJECT_KINDS[*]:0:5}
                           ${REJECT_KINDS[*]:5:4}
                           reset: at once; reset-late: after the handshake)
  loss PERCENT [requests|replies] WHERE   lose packets at random, each way
  flows PERCENT WHERE     lose a fixed share of source ports, all their packets
  ratelimit N/second|N/minute WHERE       let N new connections pass, drop the rest
  mute ROUTER             this router sends no ICMP errors (a gap in path traces)
  unplug CABLE            interface down: agent A, mgmt A, region R, provider P, host H, net
  faults                  list what is active
  heal VERB [AMOUNT] WHERE       the same words again
  heal WHERE              every fault at exactly this place
  heal all

WHERE: from whom, to what, and more exactly if you like
  region R | agent A | provider P    from there (a bare agent: all it sends, anywhere)
  host H | service NAME | net        to there (net, the whole server network, if only
                                     a region or provider is named)
  mgmt A|R|all            instead: the agents' path to the coordinator
  port N, ipv4, ipv6      only this
  at NODE                 put the rule there instead of the nearest router; the node
                          that holds the rule is the one that signs the ICMP error
  "from" and "to" may be put in to read better.

  lab.sh cut region us-east
  lab.sh reject admin-prohibited from region us-east to host db at transit-a
  lab.sh loss 30 replies agent eu-west-b service redis
  lab.sh heal cut region us-east

Names: regions ${REGIONS[*]}, providers ${PROVIDERS[*]}, agents REGION-PROVIDER,
  hosts ${HOSTS[*]}, routers edge-AGENT ${TRANSITS[*]} core, coordinator ctl.
Settings: PLX_LAB_DIR (state folder, $PLX_LAB_DIR), PLX_LAB_PREFIX (of the namespaces,
  $PLX_LAB_PREFIX; another prefix and folder is another lab beside this one).
EOF
}

# need_tools yes|no (services too?): say everything that is missing in one go.
need_tools() {
    local tool package missing=()
    while read -r tool package; do
        [[ -x $(type -P "$tool") ]] || missing+=("$tool (package $package)")
    done < <(
        printf '%s\n' 'ip iproute2' 'ss iproute2' 'nft nftables' 'setsid util-linux' \
            'flock util-linux' 'setpriv util-linux' 'awk mawk'
        [[ $1 == no ]] || printf '%s\n' 'redis-server redis-server' 'sshd openssh-server' \
            'ssh-keygen openssh-client' 'exim4 exim4-daemon-light'
    )
    [[ $1 == no || -x $(pg_bin)/postgres ]] || missing+=("postgres (package postgresql)")
    [[ ${#missing[@]} == 0 ]] && return
    printf 'lab: missing: %s\n' "${missing[@]}" >&2
    die "\"deploy/packages.sh install test\" installs what the lab needs"
}

need_root() { [[ $(id -u) == 0 ]] || die "needs root: it makes network namespaces"; }

# One change at a time. The lock is this script itself, so that nothing is left behind.
lock() {
    exec 9<"$SELF"
    flock -w 60 9 || die "another lab.sh has been busy for a minute"
}

ns_exists() { [[ -e /run/netns/$(ns_of "$1") ]]; }
is_up() { [[ -f $PLX_LAB_DIR/ready ]] && all_ns_exist; }
all_ns_exist() {
    local node
    for node in "${NODES[@]}"; do ns_exists "$node" || return 1; done
}
need_up() { is_up || die "the lab is not up (lab.sh up)"; }

# state_is_ours: did a lab of this prefix make the folder? Nothing else is ever deleted.
state_is_ours() { [[ $(cat "$PLX_LAB_DIR/.plx-lab" 2>/dev/null) == "$PLX_LAB_PREFIX" ]]; }

make_state() {
    if [[ -e $PLX_LAB_DIR ]] && ! state_is_ours; then
        [[ -d $PLX_LAB_DIR && -z $(ls -A "$PLX_LAB_DIR") ]] ||
            die "$PLX_LAB_DIR exists and is not this lab's; set PLX_LAB_DIR"
    fi
    mkdir -p "$PLX_LAB_DIR"
    # The services' own users have to get through.
    chmod 755 "$PLX_LAB_DIR"
    say "$PLX_LAB_PREFIX" >"$PLX_LAB_DIR/.plx-lab"
    mkdir -p "$PLX_LAB_DIR"/{run,log,faults}
}

# Names: `ip netns exec` shows a command the files of /etc/netns/NAMESPACE as /etc/….
# The resolver is the ctl node; unless a test runs a DNS server there, a question that
# the hosts file does not answer is refused at once rather than timing out.
write_names() {
    local node folder
    if mkdir /etc/netns 2>/dev/null; then : >"$PLX_LAB_DIR/made_etc_netns"; fi
    {
        printf '127.0.0.1 localhost\n::1 localhost\n'
        for node in "${HOSTS[@]}" "${AGENTS[@]}" ctl; do
            printf '%s %s.lab %s %s4.lab\n' "$(node_addr 4 "$node")" "$node" "$node" "$node"
            printf '%s %s.lab %s %s6.lab\n' "$(node_addr 6 "$node")" "$node" "$node" "$node"
        done
    } >"$PLX_LAB_DIR/hosts"
    printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$(node_addr 4 ctl)" \
        >"$PLX_LAB_DIR/resolv.conf"
    for node in "${NODES[@]}"; do
        folder=/etc/netns/$(ns_of "$node")
        mkdir -p "$folder"
        cp "$PLX_LAB_DIR/hosts" "$PLX_LAB_DIR/resolv.conf" "$folder/"
    done
}

make_namespaces() {
    local node a ai b bi
    for node in "${NODES[@]}"; do
        ip netns add "$(ns_of "$node")" || die "cannot make a network namespace"
        # shellcheck disable=SC2016 # expanded by the inner shell
        node_sysctls "$node" | in_ns "$node" bash -c \
            'cd /proc/sys/net && while read -r path value; do echo "$value" >"$path"; done'
    done
    # Snooping would hold back IPv6 neighbour discovery until the switch has learnt groups.
    in_ns core ip link add name lan type bridge forward_delay 0 mcast_snooping 0
    in_ns ctl ip link add name mgmt type bridge forward_delay 0 mcast_snooping 0
    while read -r a ai b bi; do
        printf 'link add name %s netns %s type veth peer name %s netns %s\n' \
            "$ai" "$(ns_of "$a")" "$bi" "$(ns_of "$b")"
    done < <(links) | ip -batch -
}

configure_node() {
    local own_tcp=''
    # A router speaks no TCP of its own: what looks like it is the reset a fault sends in a
    # server's name, and an older fault at this router must not eat it.
    ! is_one_of "$1" "${ROUTERS[@]}" || own_tcp='meta l4proto tcp accept;'
    node_setup "$1" | in_ns "$1" ip -batch -
    in_ns "$1" nft -f - <<EOF
table inet plx_lab {
    chain faults { }
    chain own { }
    chain on_input { type filter hook input priority 0; jump faults; }
    chain on_forward { type filter hook forward priority 0; jump faults; }
    chain on_output { type filter hook output priority 0; $own_tcp jump faults; jump own; }
}
EOF
}

# in_parallel FUNCTION NAME…: fails if one of them fails.
in_parallel() {
    local function=$1 name pids=() pid failed=0
    shift
    for name; do
        "$function" "$name" &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return "$failed"
}

up() {
    local services=yes
    [[ ${1-} != --no-services ]] || services=no
    need_tools "$services"
    if ! is_up; then
        if state_is_ours; then
            down_quietly # what an `up` or a machine that died halfway has left
        elif any_ns_exists; then
            die "namespaces $PLX_LAB_PREFIX-* exist, but $PLX_LAB_DIR knows nothing of them:" \
                "lab.sh down removes them; PLX_LAB_PREFIX makes another lab"
        fi
        make_state
        make_namespaces
        write_names
        in_parallel configure_node "${NODES[@]}"
        : >"$PLX_LAB_DIR/ready"
    fi
    [[ $services == no ]] || in_parallel service_start "${SERVICES[@]}"
    say "lab is up: ${#AGENTS[@]} agents, ${#ROUTERS[@]} routers, ${#HOSTS[@]} hosts, ctl"
}

any_ns_exists() {
    local node
    for node in "${NODES[@]}"; do ns_exists "$node" && return; done
    return 1
}

# lab_pids: every process in one of the lab's namespaces, except this script.
lab_pids() {
    local node
    for node in "${NODES[@]}"; do
        ns_exists "$node" && ip netns pids "$(ns_of "$node")"
    done | grep -vx "$$" || true
}

# end_all_processes: also those a test left behind, or that no pid file knows of any more.
# INT comes second for PostgreSQL, which answers TERM only when its clients have gone.
end_all_processes() {
    local signal pids i
    for signal in TERM INT KILL; do
        for ((i = 0; i < 20; i++)); do
            pids=$(lab_pids)
            [[ -n $pids ]] || return 0
            if [[ $i == 0 ]]; then
                # shellcheck disable=SC2086 # a list of numbers
                kill "-$signal" $pids 2>/dev/null || true
                # shellcheck disable=SC2086
                kill -CONT $pids 2>/dev/null || true
            fi
            sleep 0.1
        done
    done
    die "these processes do not end: $pids"
}

down_quietly() {
    local node
    if state_is_ours; then
        end_captures
        in_parallel service_stop "${SERVICES[@]}"
    fi
    end_all_processes
    for node in "${NODES[@]}"; do
        ! ns_exists "$node" || ip netns del "$(ns_of "$node")"
        rm -rf -- "/etc/netns/$(ns_of "$node")"
    done
    state_is_ours || return 0
    [[ ! -f $PLX_LAB_DIR/made_etc_netns ]] || rmdir --ignore-fail-on-non-empty /etc/netns
    rm -rf -- "$PLX_LAB_DIR"
}

down() {
    down_quietly
    say "lab is down"
}

status() {
    local name
    if ! is_up; then
        say "lab: down"
        return 1
    fi
    say "lab: up (state in $PLX_LAB_DIR)"
    for name in "${SERVICES[@]}"; do
        printf 'service %-11s %s:%s %s\n' "$name" "$(service_host "$name")" \
            "$(service_port "$name")" "$(service_state "$name")"
    done
    list_faults | sed 's/^/fault   /'
    captures | sed 's/^/capture at /'
}

hosts() {
    local node service
    printf '%-18s %-22s %-14s %-20s %s\n' NODE NAMESPACE IPv4 IPv6 WHAT
    for node in "${NODES[@]}"; do
        service=$(service_of_host "$node")
        printf '%-18s %-22s %-14s %-20s %s\n' "$node" "$(ns_of "$node")" \
            "$(node_addr 4 "$node" || printf -)" "$(node_addr 6 "$node" || printf -)" \
            "$(kind_of "$node")${service:+, $service on $(service_port "$service")}"
    done
}

kind_of() {
    if is_one_of "$1" "${AGENTS[@]}"; then
        printf 'agent, mgmt %s %s' "$(mgmt_addr 4 "$1")" "$(mgmt_addr 6 "$1")"
    elif is_one_of "$1" "${ROUTERS[@]}"; then
        printf router
    elif is_one_of "$1" "${HOSTS[@]}"; then
        printf host
    else
        printf coordinator
    fi
}

# addr NODE [4|6] [mgmt]
addr_command() {
    local node=${1-} family=4 mgmt='' word
    is_node "$node" || die "no node \"$node\": ${NODES[*]}"
    shift
    for word; do
        case $word in
        4 | 6) family=$word ;;
        mgmt) mgmt=yes ;;
        *) die "addr NODE [4|6] [mgmt]" ;;
        esac
    done
    if [[ -n $mgmt && $node != ctl ]]; then
        is_one_of "$node" "${AGENTS[@]}" || die "$node is not on the management network"
        mgmt_addr "$family" "$node"
    else
        node_addr "$family" "$node" || die "$node has one address for each neighbour, see: lab.sh exec $node ip addr"
    fi
    printf '\n'
}

path_command() {
    is_one_of "${1-}" "${AGENTS[@]}" || die "path AGENT HOST [4|6]: no agent \"${1-}\""
    is_one_of "${2-}" "${HOSTS[@]}" || die "path AGENT HOST [4|6]: no host \"${2-}\""
    path "${3:-4}" "$1" "$2"
}

exec_command() {
    local node=${1-}
    is_node "$node" || die "no node \"$node\": ${NODES[*]}"
    shift
    [[ $# -gt 0 ]] || die "exec NODE CMD…"
    ns_exists "$node" || die "the lab is not up (lab.sh up)"
    exec ip netns exec "$(ns_of "$node")" "$@"
}

# captures [NODE]: the names of those that run, all if no node is given.
captures() {
    local file name
    for file in "$PLX_LAB_DIR"/run/capture-*.pid; do
        name=${file##*/capture-}
        name=${name%.pid}
        [[ ! -f $file || ${1:-$name} != "$name" ]] || printf '%s\n' "$name"
    done
}

end_captures() {
    local name
    for name in $(captures "$@"); do end_process "capture-$name" INT; done
}

# capture NODE FILE [FILTER…] | capture stop [NODE]
capture() {
    local node=${1-} file=${2-} interface=any i
    if [[ $node == stop ]]; then
        end_captures "$file"
        return
    fi
    is_node "$node" || die "no node \"$node\": ${NODES[*]}"
    [[ -n $file ]] || die "capture NODE FILE [FILTER]"
    [[ -x $(type -P tcpdump) ]] || die "missing: tcpdump (package tcpdump)"
    ! pid_load "capture-$node" >/dev/null || die "$node is being captured already"
    shift 2
    # A single interface gives plain Ethernet frames, which every reader understands.
    ! is_one_of "$node" "${HOSTS[@]}" || interface=eth0
    ! is_one_of "$node" "${AGENTS[@]}" || interface=data
    : >"$PLX_LAB_DIR/log/capture-$node.log"
    # -Z root: otherwise tcpdump becomes another user who cannot write FILE.
    spawn "capture-$node" "$node" tcpdump -n -i "$interface" -U --immediate-mode -Z root \
        -w "$(realpath -m "$file")" "$@"
    for ((i = 0; i < 1500; i++)); do
        ! grep -q '^tcpdump: listening' "$PLX_LAB_DIR/log/capture-$node.log" || return 0
        pid_load "capture-$node" >/dev/null || break
        sleep 0.02
    done
    cat "$PLX_LAB_DIR/log/capture-$node.log" >&2
    end_process "capture-$node" INT
    die "tcpdump does not capture at $node"
}

# spread on|off
spread_command() {
    [[ ${1-} == on || ${1-} == off ]] || die "spread on|off"
    in_ns transit-b nft 'add table inet plx_spread; delete table inet plx_spread'
    printf 'rule del table 101\nrule del table 102\n' |
        tee >(in_ns transit-b ip -6 -force -batch - >/dev/null 2>&1) |
        in_ns transit-b ip -force -batch - >/dev/null 2>&1 || true
    [[ $1 == on ]] || return 0
    spread_routes | in_ns transit-b ip -batch -
    spread_routes6 | in_ns transit-b ip -6 -batch -
    spread_rules | in_ns transit-b nft -f -
}

# nat on|off AGENT
nat_command() {
    local edge=edge-${2-}
    is_one_of "${2-}" "${AGENTS[@]}" || die "nat on|off AGENT: no agent \"${2-}\""
    [[ ${1-} == on || ${1-} == off ]] || die "nat on|off AGENT"
    in_ns "$edge" nft 'add table inet plx_nat; delete table inet plx_nat'
    [[ $1 == on ]] || return 0
    in_ns "$edge" nft -f - <<EOF
table inet plx_nat {
    chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
EOF
}

main() {
    local command=${1:-help}
    shift || true
    [[ $PLX_LAB_PREFIX =~ ^[a-z][a-z0-9]{0,15}$ ]] ||
        die "PLX_LAB_PREFIX is at most 16 small letters and digits, not \"$PLX_LAB_PREFIX\""
    case $command in
    help | -h | --help) help ;;
    hosts) hosts ;;
    addr) addr_command "$@" ;;
    path) path_command "$@" ;;
    exec) need_root && exec_command "$@" ;;
    up | down)
        need_root
        lock
        "$command" "$@"
        ;;
    status) need_root && status ;;
    faults) list_faults ;;
    service | capture | spread | nat | heal | cut | drop | loss | flows | reject | ratelimit | mute | unplug)
        need_root
        need_up
        lock
        case $command in
        service) service_command "$@" ;;
        capture) capture "$@" ;;
        spread) spread_command "$@" ;;
        nat) nat_command "$@" ;;
        heal) heal "$@" ;;
        *) fault_add "$command" "$@" ;;
        esac
        ;;
    *) die "no such command: $command (see: lab.sh help)" ;;
    esac
}

main "$@"
