#!/usr/bin/env bash
# End to end in the network lab: three regions watch real services; a service is stopped, a
# host silenced, a path cut, an agent killed. The status must say which was which.
#
#   test_lab.sh BIN_DIR
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"

FLEET_DIR=$(mktemp -d /tmp/plx-fleet-XXXXXX)
cleanup() {
    local code=$?
    fleet_down >/dev/null 2>&1 || true
    if [[ $code -eq 0 ]]; then rm -rf "$FLEET_DIR"; else echo "logs are in $FLEET_DIR"; fi
}
trap cleanup EXIT

write_monitors() {
    cat <<YAML
monitors:
  - {name: postgres, host: 10.77.100.11, port: 5432, check_interval: 5s, timeout: 2s,
     locations: [us-east, eu-west, ap-south]}
  - {name: db-ssh-closed, host: 10.77.100.11, port: 2222, expect: closed, check_interval: 5s,
     timeout: 2s, locations: [us-east, eu-west, ap-south]}
  - {name: redis, host: 10.77.100.13, port: 6379, check_interval: 5s, timeout: 2s,
     locations: [all]}
  - {name: smtp, host: mail.lab, port: 25, check_interval: 5s, timeout: 2s, ip: 4,
     locations: [us-east, eu-west, ap-south]}
  # Not from us-east: an agent that fails in two networks at once is itself the suspect, and
  # below it is us-east's path to one network that is cut.
  - {name: ssh6, host: "fd77:0:0:100::14", port: 22, check_interval: 5s, timeout: 2s,
     locations: [eu-west, ap-south]}
YAML
}

is_so() { fleet_status "$1" | jq -e "$2" >/dev/null; }

# shows NAME JQ_FILTER WHAT: a counted check on the status document.
shows() {
    if is_so "$1" "$2"; then
        ok "$3"
    else
        not_ok "$3"
        fleet_status "$1"
    fi
}

# comes_to NAME JQ_FILTER WHAT: the same, within 30 s.
comes_to() {
    local tries=150
    until is_so "$1" "$2" || ((tries-- == 0)); do sleep 0.2; done
    shows "$@"
}

packets() { tcpdump -r "$1" -n "$2" 2>/dev/null | wc -l; }

# How many connections Redis has accepted since it began, this question's included.
redis_accepts() {
    "$LAB" exec cache redis-cli -h 10.77.100.13 info stats | tr -d '\r' |
        sed -n 's/^total_connections_received://p'
}

# half_open_on_the_wire ACCEPTED_BEFORE
half_open_on_the_wire() {
    local pcap=$FLEET_DIR/half-open.pcap n
    "$LAB" capture cache "$pcap" 'tcp port 6379'
    sleep 12
    "$LAB" capture stop cache
    local syn syn_ack rst plain
    syn=$(packets "$pcap" 'tcp[tcpflags] == tcp-syn')
    syn_ack=$(packets "$pcap" 'tcp[tcpflags] == (tcp-syn|tcp-ack)')
    rst=$(packets "$pcap" 'tcp[tcpflags] & tcp-rst != 0')
    n=$(packets "$pcap" tcp)
    plain=$((n - syn - syn_ack - rst))
    if [[ $syn -ge 5 && $syn_ack -eq $syn && $rst -eq $syn && $plain -eq 0 ]]; then
        ok "half-open on the wire: $syn SYN, $syn_ack SYN-ACK, $rst RST and nothing else"
    else
        not_ok "half-open on the wire: $syn SYN, $syn_ack SYN-ACK, $rst RST, $plain others"
    fi
    # One connection more than before is that of asking.
    local accepted
    accepted=$(redis_accepts)
    check "redis accepted none of them ($accepted connections in all, the last one ours)" \
        test "$accepted" -le $(($1 + 1))
}

fleet_up us-east-a eu-west-a ap-south-a
write_monitors >"$FLEET_DIR/monitors.yaml"
fleet_cli apply -f "$FLEET_DIR/monitors.yaml"
for name in postgres redis smtp ssh6 db-ssh-closed; do
    fleet_expect "all is well" "$name" up 30
done
half_open_on_the_wire "$(redis_accepts)"

"$LAB" service stop postgresql
fleet_expect "PostgreSQL is stopped" postgres service_down 25
shows postgres '.scope | test("postgres|service")' "the scope is the service"
shows postgres '[.locations[].outcome] | all(. == "refused")' "every location was refused"
shows redis '.verdict == "up"' "its neighbour redis stays up"
"$LAB" service start postgresql
fleet_expect "PostgreSQL is back" postgres up 30

"$LAB" cut host db
fleet_expect "all traffic to db is dropped" postgres host_down 40
shows postgres '.scope | test("10.77.100.11")' "the scope is the host's address"
"$LAB" heal all
fleet_expect "db is back" postgres up 40

"$LAB" cut region us-east
fleet_expect "us-east's path is cut" postgres path_failure 40
shows postgres '.scope | test("us-east")' "the scope names us-east"
shows postgres '.sentence | test("us-east")' "the sentence names us-east"
shows redis '.verdict == "path_failure" or .verdict == "agent_fault" or .verdict == "up"' \
    "redis is not down either"
"$LAB" heal all
fleet_expect "us-east's path is healed" postgres up 40

fleet_stop agent-eu-west-a KILL
agent_state() {
    fleet_cli agents list --output json |
        jq -r --arg name "$1" '.agents[] | select(.name == $name) | .state'
}
# Within one lease of 15 s, and what the heartbeat's period adds.
until_lost() {
    local tries=100
    until [[ $(agent_state "$1") == lost ]]; do
        ((tries-- > 0)) || return 1
        sleep 0.2
    done
}
check "the killed agent is shown as lost within 20 s" until_lost eu-west-a
comes_to postgres '.coverage.fresh == 2 and .coverage.assigned == 3' \
    "coverage shows the dead agent"
shows postgres '.verdict | test("down") | not' "a dead agent is no server verdict"
fleet_start_agent eu-west-a
comes_to postgres '.verdict == "up" and .coverage.fresh == 3 and .coverage.assigned == 3' \
    "the agent is back and coverage whole again"
shows postgres '[.locations[] | has("outcome") and has("latency_ms") and has("age_s")] | all' \
    "each location has outcome, latency and age"
check_report
