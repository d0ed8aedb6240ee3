#!/usr/bin/env bash
# Does the lab do what it says? Every service from every agent, every fault with the symptom
# a client gets from it, healing, and that nothing is left behind. Needs root; makes a lab of
# its own beside any other that is up.
set -euo pipefail
export LC_ALL=C

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
export PLX_LAB_PREFIX=plxtest PLX_LAB_DIR=${TMPDIR:-/tmp}/plxtest-lab
LAB=$HERE/lab.sh
WORK=$(mktemp -d)
FAILED=0 CHECKS=0

trap '"$LAB" down >/dev/null || true; rm -rf -- "$WORK"' EXIT
trap 'exit 130' INT TERM

lab() { "$LAB" "$@" >"$WORK/lab.out" 2>&1 || {
    printf 'not ok: lab.sh %s: %s\n' "$*" "$(<"$WORK/lab.out")"
    return 1
}; }

# is NAME EXPECTED ACTUAL: EXPECTED is a pattern.
is() {
    CHECKS=$((CHECKS + 1))
    # shellcheck disable=SC2053 # a pattern is meant
    if [[ $3 == $2 ]]; then
        printf 'ok %s\n' "$1"
    else
        printf 'not ok %s: expected "%s", got "%s"\n' "$1" "$2" "$3"
        FAILED=$((FAILED + 1))
    fi
}

# sees AGENT HOST PORT [4|6] [OPTIONS of see.py]
sees() {
    local agent=$1 host=$2 port=$3 family=${4:-4}
    shift $(($# < 4 ? $# : 4))
    "$LAB" exec "$agent" "$HERE/see.py" "$("$LAB" addr "$host" "$family")" "$port" "$@"
}

# fault EXPECTED4 EXPECTED6 OTHER WORDS…: what us-east-a sees of db while this fault lasts,
# that OTHER (agent/host/port) sees nothing of it, and that healing heals.
fault() {
    local four=$1 six=$2 other=$3 a h p words
    shift 3
    words="$*"
    IFS=/ read -r a h p <<<"$other"
    lab "$@"
    # Side by side: most of them are waits for an answer that does not come.
    sees us-east-a db 5432 4 >"$WORK/four" &
    sees us-east-a db 5432 6 >"$WORK/six" &
    sees "$a" "$h" "$p" >"$WORK/other" &
    wait
    is "$words (IPv4)" "$four" "$(<"$WORK/four")"
    is "$words (IPv6)" "$six" "$(<"$WORK/six")"
    is "$words leaves $other alone" open "$(<"$WORK/other")"
    lab heal "$@"
    is "heal $words" "open open" "$(sees us-east-a db 5432 4) $(sees us-east-a db 5432 6)"
}

test_services() {
    local agent family row host port hello
    for agent in {us-east,eu-west,ap-south}-{a,b}; do
        for family in 4 6; do
            for row in db/5432 mail/25 cache/6379 bastion/22; do
                IFS=/ read -r host port <<<"$row"
                is "$agent reaches $host:$port over IPv$family" open \
                    "$(sees "$agent" "$host" "$port" "$family")"
            done
        done
        is "$agent finds nothing at web:80" refused "$(sees "$agent" web 80)"
        is "$agent reaches ctl" refused "$(sees "$agent" ctl 7440)"
    done
    hello=$(sees us-east-a bastion 22 4 --greet)
    is "sshd greets" 'open "SSH-2.0-*' "$hello"
    hello=$(sees us-east-a mail 25 4 --greet)
    is "exim greets" 'open "220 mail.lab*' "$hello"
    is "names are known" "*10.77.100.11*" "$("$LAB" exec eu-west-b getent ahostsv4 db.lab)"
}

test_service_commands() {
    local name host port
    for name in postgresql/db/5432 redis/cache/6379 ssh/bastion/22 smtp/mail/25; do
        IFS=/ read -r name host port <<<"$name"
        lab service stop "$name"
        is "service stop $name" refused "$(sees eu-west-a "$host" "$port")"
        lab service start "$name"
        is "service start $name" open "$(sees eu-west-a "$host" "$port")"
    done
    lab service restart redis
    is "service restart redis" open "$(sees eu-west-a cache 6379)"
    lab service freeze ssh
    is "service freeze ssh" "open silent" "$(sees eu-west-a bastion 22 4 --greet)"
    lab service thaw ssh
    is "service thaw ssh" 'open "SSH-2.0-*' "$(sees eu-west-a bastion 22 4 --greet)"
}

# The hops that a client's time-to-live finds are those `path` promises.
test_path() {
    local family ttl expected
    for family in 4 6; do
        for agent in us-east-a ap-south-b; do
            ttl=0
            while read -r _ expected; do
                ttl=$((ttl + 1))
                [[ $ttl -lt 4 ]] || continue
                is "hop $ttl of $agent over IPv$family" \
                    "unreachable EHOSTUNREACH icmp *[13]*/0 from $expected" \
                    "$(sees "$agent" db 5432 "$family" --ttl "$ttl")"
            done < <("$LAB" path "$agent" db "$family")
            is "hop 4 of $agent is db" open "$(sees "$agent" db 5432 "$family" --ttl 4)"
        done
    done
    lab mute transit-a
    is "mute transit-a" timeout "$(sees us-east-a db 5432 4 --ttl 2)"
    is "mute transit-a lets traffic through" open "$(sees us-east-a db 5432)"
    lab heal mute transit-a
    is "heal mute transit-a" "unreachable*" "$(sees us-east-a db 5432 4 --ttl 2)"
}

test_cuts() {
    fault timeout timeout us-east-b/db/5432 cut agent us-east-a
    fault timeout timeout eu-west-a/db/5432 cut region us-east
    fault timeout timeout us-east-b/db/5432 cut provider a
    fault timeout timeout us-east-a/cache/6379 cut region us-east host db
    fault timeout timeout us-east-a/cache/6379 cut host db
    fault timeout timeout us-east-a/cache/6379 cut service postgresql
    fault timeout timeout us-east-a/cache/6379 cut host db port 5432 at db
    fault timeout open us-east-b/db/5432 cut agent us-east-a ipv4
    fault timeout timeout eu-west-a/db/5432 drop requests region us-east
    fault timeout timeout eu-west-a/db/5432 drop replies from region us-east to host db
    fault timeout timeout eu-west-a/cache/6379 loss 100 host db
    lab cut net
    is "cut net, db" timeout "$(sees us-east-a db 5432)"
    is "cut net, cache" timeout "$(sees eu-west-b cache 6379)"
    is "cut net leaves mgmt alone" refused "$(sees us-east-a ctl 7440)"
    lab heal net
    is "heal net" open "$(sees eu-west-b cache 6379)"
}

test_rejects() {
    local here=10.77.11.1 here6=fd77:0:0:11::1 on='region us-east host db'
    local quiet=us-east-a/cache/6379
    # shellcheck disable=SC2086 # $on is several words
    {
        fault "unreachable ENETUNREACH icmp 3/0 from $here" \
            "unreachable ENETUNREACH icmp 1/0 from $here6" $quiet reject net-unreachable $on
        fault "unreachable EHOSTUNREACH icmp 3/1 from $here" \
            "unreachable EHOSTUNREACH icmp 1/3 from $here6" $quiet reject host-unreachable $on
        fault "unreachable ENOPROTOOPT icmp 3/2 from $here" \
            open $quiet reject prot-unreachable $on
        fault "refused icmp 3/3 from $here" \
            "refused icmp 1/4 from $here6" $quiet reject port-unreachable $on
        fault "unreachable ENETUNREACH icmp 3/9 from $here" \
            "unreachable EACCES icmp 1/1 from $here6" $quiet reject net-prohibited $on
        fault "unreachable EHOSTUNREACH icmp 3/10 from $here" \
            "unreachable EACCES icmp 1/1 from $here6" $quiet reject host-prohibited $on
        fault "unreachable EHOSTUNREACH icmp 3/13 from $here" \
            "unreachable EACCES icmp 1/1 from $here6" $quiet reject admin-prohibited $on
        fault open "unreachable EACCES icmp 1/5 from $here6" $quiet reject policy-fail $on
        fault open "unreachable EACCES icmp 1/6 from $here6" $quiet reject reject-route $on
        fault refused refused $quiet reject reset $on
        fault "unreachable EHOSTUNREACH icmp 3/13 from 10.77.111.1" \
            "unreachable EACCES icmp 1/1 from fd77:0:0:111::1" $quiet \
            reject admin-prohibited $on at transit-a
    }
    fault "unreachable EHOSTUNREACH icmp 3/13 from 10.77.100.11" \
        "unreachable EACCES icmp 1/1 from fd77:0:0:100::11" $quiet \
        reject admin-prohibited host db at db
    lab reject reset-late service ssh
    is "reject reset-late" reset "$(sees eu-west-a bastion 22 4 --greet)"
    lab heal reject reset-late service ssh
    is "heal reject reset-late" 'open "SSH*' "$(sees eu-west-a bastion 22 4 --greet)"
}

test_unplugs() {
    fault "local ENETUNREACH" "local ENETUNREACH" us-east-b/db/5432 unplug agent us-east-a
    fault "unreachable ENETUNREACH icmp 3/0 from 10.77.11.1" \
        "unreachable ENETUNREACH icmp 1/0 from fd77:0:0:11::1" \
        eu-west-a/db/5432 unplug region us-east
    fault "unreachable ENETUNREACH icmp 3/0 from 10.77.111.1" \
        "unreachable ENETUNREACH icmp 1/0 from fd77:0:0:111::1" \
        us-east-b/db/5432 unplug provider a
    lab unplug net
    is "unplug net" "unreachable ENETUNREACH icmp 3/0 from 10.77.202.1" \
        "$(sees eu-west-b mail 25)"
    # Two cables out, one back: the other has to stay out.
    lab unplug host mail
    lab heal unplug net
    is "unplug host mail: the core finds out by ARP" \
        "unreachable EHOSTUNREACH icmp 3/1 from 10.77.202.1" \
        "$(sees eu-west-b mail 25 4 --timeout 5)"
    is "unplug host mail: and by ND" \
        "unreachable EHOSTUNREACH icmp 1/3 from fd77:0:0:202::1" \
        "$(sees eu-west-b mail 25 6 --timeout 5)"
    is "heal unplug net" open "$(sees eu-west-b cache 6379)"
    lab heal host mail
    is "heal host mail" "open open" "$(sees eu-west-b mail 25) $(sees eu-west-b mail 25 6)"
}

test_mgmt() {
    lab cut mgmt us-east-a
    is "cut mgmt" timeout "$(sees us-east-a ctl 7440)"
    is "cut mgmt (IPv6)" timeout "$(sees us-east-a ctl 7440 6)"
    is "cut mgmt leaves the data path alone" open "$(sees us-east-a db 5432)"
    is "cut mgmt leaves other agents alone" refused "$(sees us-east-b ctl 7440)"
    lab heal cut mgmt us-east-a
    is "heal cut mgmt" refused "$(sees us-east-a ctl 7440)"
    lab cut agent us-east-a
    is "cut agent leaves mgmt alone" refused "$(sees us-east-a ctl 7440)"
    lab heal agent us-east-a
    lab unplug mgmt eu-west
    is "unplug mgmt" "local EHOSTUNREACH" "$(sees eu-west-a ctl 7440)"
    is "unplug mgmt (IPv6)" "local EHOSTUNREACH" "$(sees eu-west-b ctl 7440 6)"
    lab heal unplug mgmt eu-west
    is "heal unplug mgmt" "refused refused" \
        "$(sees eu-west-a ctl 7440) $(sees eu-west-b ctl 7440 6)"
    lab cut mgmt all
    is "cut mgmt all" timeout "$(sees ap-south-b ctl 7440)"
    lab heal mgmt all
}

# How many of N attempts pass. The bounds are so wide that chance breaks them less often
# than once in a hundred thousand runs.
passes() {
    local n=$1 open=0 i
    shift
    for ((i = 0; i < n; i++)); do
        [[ $(sees "$@") != open ]] || open=$((open + 1))
    done
    printf %d "$open"
}

test_amounts() {
    local n first port seen=''
    lab loss 50 requests region us-east
    n=$(passes 30 us-east-a db 5432 4 --timeout 0.1)
    is "loss 50: some of 30 pass ($n)" yes "$([[ $n -ge 3 && $n -le 27 ]] && echo yes)"
    lab loss 0.01 requests region us-east
    is "a new amount replaces the old one" "loss 0.01 requests region us-east" \
        "$("$LAB" faults)"
    lab heal loss requests region us-east

    lab flows 50 region us-east
    first=$(sees us-east-a db 5432 4 --from-port 20000)
    is "flows: a source port always fares the same" "$first$first$first" \
        "$(for _ in 1 2 3; do
            sees us-east-a db 5432 4 --from-port 20000 | tr -d '\n'
        done)"
    for port in {20001..20020}; do
        seen+=$(sees us-east-a db 5432 4 --timeout 0.1 --from-port "$port")
    done
    is "flows: other source ports pass" "*open*" "$seen"
    is "flows: and others do not" "*timeout*" "$seen"
    lab heal flows region us-east

    lab ratelimit 2/minute host db
    is "ratelimit: two pass, then none" "open open timeout timeout" \
        "$(for _ in 1 2 3 4; do sees us-east-a db 5432 4; done | xargs)"
    lab heal ratelimit host db
}

test_words() {
    lab cut region us-east
    lab reject reset to host db from region us-east
    is "faults lists them" "cut region us-east reject reset region us-east host db" \
        "$("$LAB" faults | xargs)"
    is "the newest fault wins" refused "$(sees us-east-a db 5432)"
    lab heal reject region us-east host db
    is "the older one is still there" timeout "$(sees us-east-a db 5432)"
    lab heal all
    is "heal all" open "$(sees us-east-a db 5432)"
    is "heal all leaves no fault" "" "$("$LAB" faults)"
    wrong "no region" cut region mars
    wrong "cut what" cut
    wrong "needs a kind" reject host db
    wrong "needs a percentage" loss 101 host db
    wrong "no port" cut host db port 70000
    wrong "cannot read" cut host db quickly
    wrong "mgmt needs" cut mgmt mars
    wrong "no such fault" heal cut region us-east
    is "a wrong word changes nothing" "" "$("$LAB" faults)"
}

# wrong SENTENCE WORDS…: refused, with this in what it says.
wrong() {
    local say=$1 code=0
    shift
    "$LAB" "$@" >"$WORK/wrong" 2>&1 || code=$?
    is "refuses: $*" "1 *$say*" "$code $(<"$WORK/wrong")"
}

test_capture() {
    lab capture db "$WORK/db.pcap" tcp port 5432
    sees us-east-a db 5432 >/dev/null
    lab capture stop db
    is "capture has the client's SYN" "*10.77.11.10*Flags \[S\]*" \
        "$(tcpdump -nr "$WORK/db.pcap" 2>/dev/null)"
}

# traces: what the lab could have left on this machine, outside of its namespaces.
traces() {
    ls -d /etc/netns/plxtest-* /run/netns/plxtest-* "$PLX_LAB_DIR" 2>/dev/null || true
    nft list tables | grep plx_lab || true
    ip -o link | grep -E ': (data|mgmt|lan|wan|core|transit-.|db|us-east)[@:]' || true
    [[ -n $HAD_ETC_NETNS || ! -d /etc/netns ]] || ls -d /etc/netns
}

# lab_processes: by their namespaces, so that none that lost its pid file is overlooked.
lab_processes() {
    local ns
    for ns in $(ip netns list | awk '/^plxtest-/ { print $1 }'); do ip netns pids "$ns"; done
}

# gone NAME PIDS: down left nothing. A zombie has ended, whoever should collect it.
gone() {
    local pid alive=''
    for pid in $2; do
        [[ ! -d /proc/$pid ]] || grep -qs '^State:.Z' "/proc/$pid/status" || alive+=" $pid"
    done
    is "$1 leaves no process" "" "$alive"
    is "$1 leaves no other trace" "" "$(traces)"
}

test_down() {
    local pids stray
    lab cut net
    "$LAB" exec us-east-a sleep 1000 &
    stray=$!
    until pids=$(lab_processes) && grep -qx "$stray" <<<"$pids"; do sleep 0.02; done
    lab down
    wait "$stray" 2>/dev/null || true
    gone "down" "$pids"
    lab down
    is "down twice is fine" "lab is down" "$(<"$WORK/lab.out")"
}

test_crashes() {
    local pids victim
    setsid "$LAB" up >/dev/null 2>&1 &
    victim=$!
    sleep 0.4 # into the middle of it; wherever that is, the next up must cope
    kill -KILL -- "-$victim" 2>/dev/null || true
    wait "$victim" 2>/dev/null || true
    lab up
    is "up after a killed up" open "$(sees ap-south-b db 5432)"
    pids=$(lab_processes)
    rm -rf -- "$PLX_LAB_DIR"
    wrong "knows nothing of them" up
    lab down
    # That it made this folder was written down in the state folder.
    [[ -n $HAD_ETC_NETNS ]] || rmdir --ignore-fail-on-non-empty /etc/netns
    gone "down without its state folder" "$pids"
}

HAD_ETC_NETNS=$(ls -d /etc/netns 2>/dev/null || true)
START=$(date +%s%N)
lab up
printf 'up took %d ms\n' "$((($(date +%s%N) - START) / 1000000))"
lab up
is "up twice is fine" "lab is up*" "$(<"$WORK/lab.out")"
for test in services service_commands path cuts rejects unplugs mgmt amounts words capture \
    down crashes; do
    "test_$test"
done
printf '%d checks, %d failed\n' "$CHECKS" "$FAILED"
[[ $FAILED == 0 ]]
