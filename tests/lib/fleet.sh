# A real fleet in the network lab: source it after setting PLX_BIN (the programs' folder).
#
#   fleet_up us-east-a eu-west-a …   lab, coordinator at ctl, an enrolled agent at each node
#   fleet_cli ARG…                   the parallax command, at ctl
#   fleet_wait NAME VERDICT SECONDS  until the monitor has that verdict; prints how long
#   fleet_down                       ends what fleet_up started, and the lab
#
# The agents are an ordinary user's and have no capability at all, as is the coordinator;
# check_privileges holds them to it. The lab itself needs root.
#
# Everything lives in $FLEET_DIR. Results are counted (check.sh); end with check_report.
# shellcheck shell=bash

FLEET_REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB=$FLEET_REPO/tests/net/lab.sh
# shellcheck source=tests/lib/check.sh
. "$FLEET_REPO/tests/lib/check.sh"

# As nobody, and nothing that is run gains a privilege.
FLEET_NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all
    --inh-caps=-all --ambient-caps=-all --no-new-privs)

# fleet_folder NAME: a data folder of nobody's.
fleet_folder() {
    mkdir -p "$FLEET_DIR/$1"
    chown 65534:65534 "$FLEET_DIR/$1"
    chmod 700 "$FLEET_DIR/$1"
}

# fleet_programs: where nobody can run them, for the tree may lie below a folder that only
# its owner enters.
fleet_programs() {
    chmod 755 "$FLEET_DIR"
    mkdir -p "$FLEET_DIR/bin"
    cp -u "$PLX_BIN"/parallax{,-agent,-coordinator} "$FLEET_DIR/bin/"
    chmod -R 755 "$FLEET_DIR/bin"
}

# fleet_start NODE NAME PROGRAM ARG…: in that namespace, pid and log under FLEET_DIR. The
# sh's exec keeps the pid: ip netns exec becomes the program.
fleet_start() {
    local node=$1 name=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner sh
    "$LAB" exec "$node" sh -c 'echo $$ >"$0"; exec "$@"' \
        "$FLEET_DIR/$name.pid" "$@" >>"$FLEET_DIR/$name.log" 2>&1 </dev/null &
    local tries=300
    until [[ -s $FLEET_DIR/$name.pid ]] || ((tries-- == 0)); do sleep 0.1; done
}

fleet_pid() { cat "$FLEET_DIR/$1.pid"; }

# fleet_stop NAME [SIGNAL]: ends it and waits until it is gone.
fleet_stop() {
    local pid tries=100
    [[ -s $FLEET_DIR/$1.pid ]] || return 0
    pid=$(fleet_pid "$1")
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    while [[ -e /proc/$pid ]] && ((tries-- > 0)); do sleep 0.1; done
    [[ ! -e /proc/$pid ]] || kill -KILL "$pid" 2>/dev/null || true
    rm -f "$FLEET_DIR/$1.pid"
}

fleet_cli() {
    "$LAB" exec ctl "$PLX_BIN/parallax" --data-dir "$FLEET_DIR/coordinator" "$@"
}

fleet_start_coordinator() {
    local tries=300
    fleet_start ctl coordinator "${FLEET_NOBODY[@]}" "$FLEET_DIR/bin/parallax-coordinator" run \
        --data-dir "$FLEET_DIR/coordinator" --advertise 10.77.250.1
    until fleet_cli health >/dev/null 2>&1; do
        if ((tries-- == 0)); then
            tail -n 20 "$FLEET_DIR/coordinator.log"
            echo "the coordinator did not start" >&2
            return 1
        fi
        sleep 0.1
    done
}

# fleet_start_agent NODE [OPTION…]
fleet_start_agent() {
    fleet_start "$1" "agent-$1" "${FLEET_NOBODY[@]}" "$FLEET_DIR/bin/parallax-agent" run \
        --data-dir "$FLEET_DIR/agent-$1" "${@:2}"
}

# privileges NAME: users, groups and capabilities of what runs under it, one word each
# kind: "65534 0000000000000000 1" for none at all.
fleet_privileges() {
    awk '/^(Uid|Gid|Cap[A-Za-z]*|NoNewPrivs):/ {for (i = 2; i <= NF; i++) print $i}' \
        "/proc/$(fleet_pid "$1")/status" | sort -u | xargs
}
# fleet_runs NAME: it is the program by now, not what was to become it.
fleet_runs() { [[ $(readlink "/proc/$(fleet_pid "$1")/exe") == */parallax-* ]]; }
# check_privileges: a counted check of the coordinator and every agent that runs.
check_privileges() {
    local pidfile name seen n=0
    for pidfile in "$FLEET_DIR"/agent-*.pid "$FLEET_DIR"/coordinator.pid; do
        name=$(basename "$pidfile" .pid)
        until_ok 30 fleet_runs "$name" || { not_ok "$name does not run" && return; }
        seen=$(fleet_privileges "$name")
        n=$((n + 1))
        [[ $seen == "0000000000000000 1 65534" ]] || { not_ok "$name has privileges: $seen" && return; }
    done
    ok "$n programs run as nobody, CapEff and every other set of capabilities 0"
}

# fleet_enrol NODE: region and provider come from the node's name (us-east-a).
fleet_enrol() {
    local node=$1 token
    fleet_folder "agent-$node"
    token=$(fleet_cli agents token create --region "${node%-*}" --ttl 10m \
        --label "provider=${node##*-}" --quiet)
    "$LAB" exec "$node" "${FLEET_NOBODY[@]}" "$FLEET_DIR/bin/parallax-agent" enroll "$token" --name "$node" \
        --data-dir "$FLEET_DIR/agent-$node"
}

fleet_up() {
    local node
    FLEET_DIR=${FLEET_DIR:-$(mktemp -d /tmp/plx-fleet-XXXXXX)}
    fleet_programs
    fleet_folder coordinator
    "$LAB" up
    "$LAB" heal all >/dev/null
    fleet_start_coordinator
    for node; do
        fleet_enrol "$node" >/dev/null
        fleet_start_agent "$node"
    done
}

fleet_down() {
    local pidfile name
    for pidfile in "$FLEET_DIR"/agent-*.pid "$FLEET_DIR"/coordinator.pid; do
        [[ -e $pidfile ]] || continue
        name=$(basename "$pidfile" .pid)
        fleet_stop "$name"
    done
    "$LAB" down
}

# fleet_status NAME: its part of the status document. The command's exit code says whether
# all is up, which is no failure here.
fleet_status() {
    { fleet_cli status "$1" --output json 2>/dev/null || true; } |
        jq --arg name "$1" '.monitors[] | select(.name == $name)'
}

# fleet_verdict NAME: one word.
fleet_verdict() { fleet_status "$1" | jq -r .verdict; }

# fleet_wait NAME VERDICT SECONDS
fleet_wait() {
    local began=$EPOCHREALTIME now verdict=
    while :; do
        verdict=$(fleet_verdict "$1" || true)
        now=$EPOCHREALTIME
        if [[ $verdict == "$2" ]]; then
            awk -v a="$began" -v b="$now" 'BEGIN {printf "%.1f\n", b - a}'
            return 0
        fi
        awk -v a="$began" -v b="$now" -v limit="$3" 'BEGIN {exit !(b - a > limit)}' && break
        sleep 0.2
    done
    echo "after $3 s '$1' is '$verdict', not '$2'"
    fleet_cli explain "$1" || true
    return 1
}

# fleet_expect WHAT NAME VERDICT SECONDS: a counted check.
fleet_expect() {
    local took
    if took=$(fleet_wait "$2" "$3" "$4"); then
        ok "$1: $2 is $3 after ${took} s"
    else
        not_ok "$1"
        printf '%s\n' "$took"
    fi
}
