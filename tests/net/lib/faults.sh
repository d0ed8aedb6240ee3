# shellcheck shell=bash
# Faults: from the words people write to nft rules and pulled cables, and back.
#
# Every active fault is one file in $PLX_LAB_DIR/faults, named by a rising number:
#   words WORDS…           what `lab.sh faults` shows and `heal` looks for
#   key WORDS…             the same without the amount: a new fault of the same key replaces it
#   rule NODE CHAIN RULE…  an nft rule
#   link NODE INTERFACE    an interface that is down
# These files are the truth. A node's chains are always rewritten from all of them in one
# nft transaction, so healing one fault can never leave half of it, or take another along.

# A fault while it is parsed: one set of globals, because bash returns nothing better.
parse_reset() {
    F_VERB='' F_ARG='' F_DIR='' F_SRC='' F_DST='' F_PORT='' F_AT='' F_FAMILY=''
    F_AGENTS=()
}

# reject_type KIND 4|6: the nft name of what is sent back; nothing if there is no such thing.
#
# ICMPv6 has one "prohibited" where ICMP has three, and ICMP has no name for the two codes
# that only IPv6 routers know.
reject_type() {
    case $1/$2 in
    net-unreachable/4 | host-unreachable/4 | port-unreachable/4 | prot-unreachable/4 | \
        net-prohibited/4 | host-prohibited/4 | admin-prohibited/4) printf 'icmp type %s' "$1" ;;
    net-unreachable/6) printf 'icmpv6 type no-route' ;;
    host-unreachable/6) printf 'icmpv6 type addr-unreachable' ;;
    net-prohibited/6 | host-prohibited/6) printf 'icmpv6 type admin-prohibited' ;;
    port-unreachable/6 | admin-prohibited/6 | policy-fail/6 | reject-route/6)
        printf 'icmpv6 type %s' "$1"
        ;;
    reset/* | reset-late/*) printf 'tcp reset' ;;
    esac
}

REJECT_KINDS=(net-unreachable host-unreachable port-unreachable prot-unreachable
    net-prohibited host-prohibited admin-prohibited policy-fail reject-route
    reset reset-late)

is_percent() { [[ $1 =~ ^([0-9]{1,2}(\.[0-9]{1,2})?|100)$ ]]; }
is_rate() { [[ $1 =~ ^[1-9][0-9]*/(second|minute)$ ]]; }

# is_amount VERB WORD: is it the amount that belongs to this verb?
is_amount() {
    case $1 in
    loss | flows) is_percent "$2" ;;
    ratelimit) is_rate "$2" ;;
    reject) is_one_of "$2" "${REJECT_KINDS[@]}" ;;
    *) return 1 ;;
    esac
}

amount_help() {
    case $1 in
    loss | flows) printf 'a percentage, like: %s 30 region us-east' "$1" ;;
    ratelimit) printf 'a rate, like: ratelimit 5/second host db' ;;
    reject) printf 'a kind: %s' "${REJECT_KINDS[*]}" ;;
    esac
}

VERBS=(cut drop loss flows reject ratelimit mute unplug)

# parse_fault WORDS…: fills F_*. An amount may be left out only when LENIENT is set: `heal`
# does not have to repeat how bad it was.
parse_fault() {
    parse_reset
    F_VERB=$1
    shift
    is_one_of "$F_VERB" "${VERBS[@]}" || die "no such fault: $F_VERB (known: ${VERBS[*]})"
    if [[ -n $(amount_help "$F_VERB") ]]; then
        if [[ $# -gt 0 ]] && is_amount "$F_VERB" "$1"; then
            F_ARG=$1
            shift
        elif [[ -z ${LENIENT-} ]]; then
            die "$F_VERB needs $(amount_help "$F_VERB")${1:+ (not \"$1\")}"
        fi
    fi
    if [[ $F_VERB == mute ]]; then parse_mute "$@"; else parse_where "$@"; fi
    [[ $F_VERB != drop || -n $F_DIR ]] || F_DIR=requests
    check_fault
}

parse_mute() {
    if [[ $# != 1 ]] || ! is_node "$1"; then die "mute needs one node: ${ROUTERS[*]}"; fi
    F_AT=$1
}

parse_where() {
    while [[ $# -gt 0 ]]; do
        case $1 in
        from | to) # "from region us-east to host db" reads better, and means the same
            shift
            continue
            ;;
        requests | replies) F_DIR=$1 ;;
        ipv4) F_FAMILY=4 ;;
        ipv6) F_FAMILY=6 ;;
        net) set_target net ;;
        region | agent | provider | mgmt | host | service | port | at)
            [[ $# -ge 2 ]] || die "\"$1\" needs a name after it"
            parse_pair "$1" "$2"
            shift
            ;;
        *) die "cannot read \"$1\" in: $F_VERB … $* (see: lab.sh help)" ;;
        esac
        shift
    done
}

# parse_pair WORD NAME
parse_pair() {
    local agents
    case $1 in
    region)
        is_one_of "$2" "${REGIONS[@]}" || die "no region \"$2\": ${REGIONS[*]}"
        set_source "region $2" "$(agents_of_region "$2")"
        ;;
    agent)
        is_one_of "$2" "${AGENTS[@]}" || die "no agent \"$2\": ${AGENTS[*]}"
        set_source "agent $2" "$2"
        ;;
    provider)
        is_one_of "$2" "${PROVIDERS[@]}" || die "no provider \"$2\": ${PROVIDERS[*]}"
        set_source "provider $2" "$(agents_of_provider "$2")"
        ;;
    mgmt)
        # An assignment, because a failure inside a plain "$(…)" would go unnoticed.
        agents=$(agents_of_word "$2")
        set_source "mgmt $2" "$agents"
        ;;
    host)
        is_one_of "$2" "${HOSTS[@]}" || die "no host \"$2\": ${HOSTS[*]}"
        set_target "host $2"
        ;;
    service)
        is_service "$2" || die "no service \"$2\": ${SERVICES[*]}"
        set_target "host $(service_host "$2")"
        F_PORT=$(service_port "$2")
        ;;
    port)
        [[ $2 =~ ^[0-9]{1,5}$ ]] && ((10#$2 >= 1 && 10#$2 <= 65535)) ||
            die "no port \"$2\""
        F_PORT=$((10#$2))
        ;;
    at)
        is_node "$2" || die "no node \"$2\": ${NODES[*]}"
        F_AT=$2
        ;;
    esac
}

agents_of_word() {
    if [[ $1 == all ]]; then
        printf '%s\n' "${AGENTS[@]}"
    elif is_one_of "$1" "${REGIONS[@]}"; then
        agents_of_region "$1"
    elif is_one_of "$1" "${AGENTS[@]}"; then
        printf '%s\n' "$1"
    else
        die "mgmt needs an agent, a region or all, not \"$1\""
    fi
}

set_source() {
    [[ -z $F_SRC ]] || die "two places at once: $F_SRC, $1 (make it two faults)"
    F_SRC=$1
    mapfile -t F_AGENTS <<<"$2"
}

set_target() {
    [[ -z $F_DST ]] || die "two targets at once: $F_DST, $1 (make it two faults)"
    F_DST=$1
}

check_fault() {
    [[ $F_VERB == mute ]] && return
    [[ -n $F_SRC$F_DST ]] || die "$F_VERB what? (see: lab.sh help)"
    if [[ $F_SRC == mgmt* && -n $F_DST ]]; then
        die "mgmt is the path to the coordinator; $F_DST is not on it"
    fi
    case $F_VERB in
    cut | flows | reject | ratelimit)
        [[ -z $F_DIR ]] || die "$F_VERB has no \"$F_DIR\" (drop and loss have)"
        ;;
    unplug)
        [[ -z $F_DIR$F_PORT$F_AT$F_FAMILY && (-z $F_SRC || -z $F_DST) ]] ||
            die "unplug pulls one cable: agent, mgmt, region, provider, host or net, no more words"
        ;;
    esac
    if [[ $F_VERB == reject && -n $F_ARG && -n $F_FAMILY ]] &&
        [[ -z $(reject_type "$F_ARG" "$F_FAMILY") ]]; then
        die "IPv$F_FAMILY has no $F_ARG"
    fi
}

# The fault in canonical words: whatever order they came in. fault_where is the part
# behind the verb and its amount.
fault_where() {
    local where=''
    [[ -z $F_DIR ]] || where+=" $F_DIR"
    [[ -z $F_SRC ]] || where+=" $F_SRC"
    [[ -z $F_DST ]] || where+=" $F_DST"
    [[ -z $F_PORT ]] || where+=" port $F_PORT"
    [[ -z $F_FAMILY ]] || where+=" ipv$F_FAMILY"
    if [[ -n $F_AT ]]; then
        if [[ $F_VERB == mute ]]; then where+=" $F_AT"; else where+=" at $F_AT"; fi
    fi
    printf %s "$where"
}
fault_words() { printf '%s%s%s' "$F_VERB" "${F_ARG:+ $F_ARG}" "$(fault_where)"; }
fault_key() { printf '%s%s' "$F_VERB" "$(fault_where)"; }

# Where the rules go unless the words say "at NODE": as near to the cause as there is a
# router, because the router that holds the rule is the one that signs the ICMP error.
fault_nodes() {
    local agent
    if [[ -n $F_AT ]]; then
        printf '%s\n' "$F_AT"
    elif [[ $F_SRC == mgmt* ]]; then
        printf 'ctl\n'
    elif [[ $F_SRC == provider* ]]; then
        printf 'transit-%s\n' "${F_SRC#provider }"
    elif [[ -n $F_SRC ]]; then
        for agent in "${F_AGENTS[@]}"; do printf 'edge-%s\n' "$agent"; done
    else
        printf 'core\n'
    fi
}

# src_set FAMILY: the agents' addresses as an nft set. dst_net FAMILY: what they talk to.
src_set() {
    local agent set=''
    for agent in "${F_AGENTS[@]}"; do
        if [[ $F_SRC == mgmt* ]]; then
            set+="${set:+, }$(mgmt_addr "$1" "$agent")"
        else
            set+="${set:+, }$(node_addr "$1" "$agent")"
        fi
    done
    printf '{ %s }' "$set"
}

dst_net() {
    case $F_SRC/$F_DST in
    */host*) node_addr "$1" "${F_DST#host }" ;;
    mgmt*/) node_addr "$1" ctl ;;
    agent*/) ;; # a bare agent: everything it sends, wherever to
    *) if [[ $1 == 4 ]]; then printf %s "$SERVER_NET4"; else printf %s "$SERVER_NET6"; fi ;;
    esac
}

# match FAMILY requests|replies: the nft expression for packets in this direction.
match() {
    local ip=ip to=daddr from=saddr port=dport src='' dst
    [[ $1 == 4 ]] || ip=ip6
    [[ $2 == requests ]] || { to=saddr from=daddr port=sport; }
    [[ -z $F_SRC ]] || src=$(src_set "$1")
    dst=$(dst_net "$1")
    printf %s "${src:+$ip $from $src }${dst:+$ip $to $dst }${F_PORT:+tcp $port $F_PORT }"
}

# share NUMBER: "NUMBER < amount", where NUMBER is an nft number below 10000. nft refuses a
# comparison that is always true, so the whole of it is no comparison at all.
share() {
    local part
    part=$(awk -v p="$F_ARG" 'BEGIN { printf "%d", p * 100 + 0.5 }')
    [[ $part == 10000 ]] || printf '%s < %s ' "$1" "$part"
}

# fault_action FAMILY: what happens to a packet that matches; nothing if this family has none.
fault_action() {
    local ip=ip type
    [[ $1 == 4 ]] || ip=ip6
    case $F_VERB in
    cut | drop) printf drop ;;
    loss) printf '%sdrop' "$(share 'numgen random mod 10000')" ;;
    # The same ports are hit for as long as the fault lasts, like one dead member of a
    # bundle of links: a new source port may well get through.
    flows)
        printf 'meta l4proto tcp %sdrop' \
            "$(share "jhash $ip saddr . tcp sport mod 10000 seed 0x706c78")"
        ;;
    ratelimit)
        printf 'tcp flags & (syn|ack) == syn limit rate over %s burst %s packets drop' \
            "$F_ARG" "${F_ARG%/*}"
        ;;
    reject)
        type=$(reject_type "$F_ARG" "$1")
        [[ -n $type ]] || return 0
        # reset-late lets the handshake through and resets what follows.
        [[ $F_ARG != reset-late ]] || printf 'tcp flags & syn == 0 '
        [[ $F_ARG != reset ]] || printf 'meta l4proto tcp '
        printf 'reject with %s' "$type"
        ;;
    esac
}

fault_directions() {
    case $F_VERB in
    cut) printf 'requests replies' ;;
    loss) printf %s "${F_DIR:-requests replies}" ;;
    drop) printf %s "$F_DIR" ;;
    *) printf requests ;;
    esac
}

# fault_rules: the "rule NODE CHAIN RULE" lines of a parsed fault.
fault_rules() {
    local node family dir action rules=()
    if [[ $F_VERB == mute ]]; then
        printf 'rule %s own icmp type { destination-unreachable, time-exceeded } drop\n' "$F_AT"
        printf 'rule %s own icmpv6 type { destination-unreachable, time-exceeded } drop\n' "$F_AT"
        return
    fi
    for family in ${F_FAMILY:-4 6}; do
        action=$(fault_action "$family")
        [[ -n $action ]] || continue
        for dir in $(fault_directions); do rules+=("$(match "$family" "$dir")$action"); done
    done
    while read -r node; do
        printf "rule $node faults %s\n" "${rules[@]}"
    done < <(fault_nodes)
}

# fault_cables: the "link NODE INTERFACE" lines of an unplug.
#
# An agent's own cable is pulled at the agent: it sees its default route go. A host's is
# pulled at the switch, so that the core finds out by ARP and ND, as in a real rack.
fault_cables() {
    local agent
    case $F_SRC$F_DST in
    mgmt*) printf 'link %s mgmt\n' "${F_AGENTS[@]}" ;;
    agent*) printf 'link %s data\n' "${F_AGENTS[@]}" ;;
    region*) printf 'link edge-%s wan\n' "${F_AGENTS[@]}" ;;
    provider*) printf 'link transit-%s core\n' "${F_SRC#provider }" ;;
    host*) printf 'link core %s\n' "${F_DST#host }" ;;
    net) printf 'link core lan\n' ;;
    esac
}

# fault_files [FIELD VALUE]: the files of active faults, oldest first; all, or those with
# this line.
fault_files() {
    local file
    for file in "$PLX_LAB_DIR"/faults/*; do
        [[ -f $file ]] || continue
        [[ $# == 0 ]] || grep -qxF -- "$1 $2" "$file" || continue
        printf '%s\n' "$file"
    done
}

# fault_add WORDS…
fault_add() {
    local file last=0 old
    parse_fault "$@"
    while read -r old; do fault_remove "$old"; done < <(fault_files key "$(fault_key)")
    for file in "$PLX_LAB_DIR"/faults/*; do [[ -f $file ]] && last=$((10#${file##*/})); done
    printf -v file '%s/faults/%06d' "$PLX_LAB_DIR" "$((last + 1))"
    {
        printf 'words %s\nkey %s\n' "$(fault_words)" "$(fault_key)"
        if [[ $F_VERB == unplug ]]; then fault_cables; else fault_rules; fi
    } >"$file.new"
    mv "$file.new" "$file"
    fault_apply "$file" || {
        fault_remove "$file"
        die "could not apply: $(fault_words)"
    }
    say "$(fault_words)"
}

# nodes_in FILE, cables_in FILE…: what a fault file names.
nodes_in() { awk '$1 == "rule" { print $2 }' "$1" | sort -u; }
cables_in() { awk '$1 == "link" { print $2, $3 }' "$@"; }

# fault_apply FILE: make the nodes it names agree with the files.
fault_apply() {
    local node link
    while read -r node; do apply_rules "$node" || return; done < <(nodes_in "$1")
    while read -r node link; do
        in_ns "$node" ip link set "$link" down || return
        forget_neighbours "$node"
    done < <(cables_in "$1")
}

fault_remove() {
    local nodes cables node link
    nodes=$(nodes_in "$1")
    cables=$(cables_in "$1")
    rm -f -- "$1"
    for node in $nodes; do apply_rules "$node"; done
    while read -r node link; do
        [[ -z $node ]] || replug "$node" "$link"
    done <<<"$cables"
    pull_cables
}

# apply_rules NODE: rewrite its chains from all fault files, the newest fault first: what
# was said last is what happens.
apply_rules() {
    local chain files=()
    mapfile -t files < <(fault_files | sort -r)
    {
        for chain in faults own; do
            printf 'flush chain inet plx_lab %s\n' "$chain"
        done
        # Neighbour discovery is the wire of IPv6, as ARP is of IPv4: a fault of the path
        # must not look like a host that is switched off.
        printf 'add rule inet plx_lab faults icmpv6 type { 133-137 } accept\n'
        [[ ${#files[@]} == 0 ]] || awk -v node="$1" '$1 == "rule" && $2 == node {
            chain = $3
            sub(/^rule [^ ]+ [^ ]+ /, "")
            print "add rule inet plx_lab " chain " " $0
        }' "${files[@]}"
    } | in_ns "$1" nft -f -
}

# A router that talked to a host a moment ago goes on sending to its old hardware address
# for up to ten seconds. Without that memory the lab answers the same way every time:
# "host unreachable" three seconds after the cable is out, and at once well when it is back.
forget_neighbours() {
    in_ns "$1" ip neigh flush all 2>/dev/null || true
}

# replug NODE INTERFACE: up again, and both ends get back what the kernel forgot.
replug() {
    local node=$1 link=$2 a ai b bi
    node_setup "$node" | in_ns "$node" ip -batch -
    forget_neighbours "$node"
    while read -r a ai b bi; do
        if [[ $a/$ai == "$node/$link" ]]; then node_setup "$b" | in_ns "$b" ip -batch -; fi
        if [[ $b/$bi == "$node/$link" ]]; then node_setup "$a" | in_ns "$a" ip -batch -; fi
    done < <(links)
}

# pull_cables: node_setup knows of no faults and puts every interface up; take those that
# are still to be unplugged down again.
pull_cables() {
    local node link files=()
    mapfile -t files < <(fault_files)
    [[ ${#files[@]} -gt 0 ]] || return 0
    while read -r node link; do
        in_ns "$node" ip link set "$link" down
    done < <(cables_in "${files[@]}")
}

# heal all | heal WORDS… | heal WHERE…
heal() {
    local found file
    [[ $# -gt 0 ]] || die "heal what? (heal all, or the words of the fault; active: lab.sh faults)"
    if [[ $# == 1 && $1 == all ]]; then
        heal_all
        return
    fi
    found=$(faults_named "$@")
    [[ -n $found ]] || die "no such fault: $* (active: lab.sh faults)"
    while read -r file; do
        say "healed: $(sed -n 's/^words //p' "$file")"
        fault_remove "$file"
    done <<<"$found"
}

# faults_named WORDS…: the files that these words mean. With a verb: that fault, with any
# amount if none is given. Without: everything at exactly this place.
faults_named() {
    local verb where LENIENT=1
    if is_one_of "$1" "${VERBS[@]}"; then
        parse_fault "$@"
        if [[ -n $F_ARG ]]; then
            fault_files words "$(fault_words)"
        else
            fault_files key "$(fault_key)"
        fi
        return
    fi
    parse_reset
    parse_where "$@"
    where=$(fault_where)
    for verb in "${VERBS[@]}"; do
        fault_files key "$verb$where"
        # drop always has a direction; "heal region us-east" need not say which.
        [[ $verb != drop || -n $F_DIR ]] || {
            fault_files key "drop requests$where"
            fault_files key "drop replies$where"
        }
    done
}

# heal_all does not trust the files: it empties every node's chains, so that it also mends
# what was left by a command that was killed halfway.
heal_all() {
    local cables file node link
    cables=$(fault_files | xargs -r awk '$1 == "link" { print $2, $3 }')
    while read -r file; do say "healed: $(sed -n 's/^words //p' "$file")"; done < <(fault_files)
    rm -f -- "$PLX_LAB_DIR"/faults/*
    for node in "${NODES[@]}"; do apply_rules "$node" & done
    wait
    while read -r node link; do
        [[ -z $node ]] || replug "$node" "$link"
    done <<<"$cables"
}

list_faults() {
    fault_files | xargs -r sed -n 's/^words //p'
}
