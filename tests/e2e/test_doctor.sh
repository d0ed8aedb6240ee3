#!/usr/bin/env bash
# `parallax doctor` on a sound coordinator and agent, and on each of many planted faults,
# which it must find and name a remedy for; `config check` of both daemons; SIGHUP.
#
#   test_doctor.sh BIN_DIR
set -euo pipefail

bin=$(cd "$1" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$repo/tests/lib/ports.sh"
dir=$(mktemp -d /tmp/plx-doctor-XXXXXX)
c=$dir/coordinator
a=$dir/agent
declare -A pid
patience=20s # with a coordinator that answers, if late

cleanup() {
    local name
    set +e
    for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null; done
    wait 2>/dev/null
    umount "$dir/small" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

p() { "$bin/parallax" --data-dir "$c" "$@"; }

doctor() {
    PARALLAX_ADMIN='' p doctor --wait "$patience" --config "$dir/coordinator.yaml" --agent-dir "$a" \
        --agent-config "$dir/agent.yaml" --output json "$@" 2>/dev/null
}

start_coordinator() {
    "$bin/parallax-coordinator" run --config "$dir/coordinator.yaml" >>"$dir/c.log" 2>&1 &
    pid[c]=$!
    until_ok 30 p health || { cat "$dir/c.log"; exit 1; }
}

# stop NAME
stop() {
    kill "${pid[$1]}"
    wait "${pid[$1]}" || true
    unset "pid[$1]"
}

# finds WHAT CHECK PATTERN [ARG…]: exit 1, and a finding of that check with a remedy.
finds() {
    local what=$1 kind=$2 pattern=$3 code=0 out
    shift 3
    out=$(doctor "$@") || code=$?
    if [[ $code -eq 1 ]] && jq -e --arg c "$kind" --arg p "$pattern" '[.checks[] | select(.health == "wrong" and .check == $c and (.what | test($p)) and (.remedy | length > 0))] | length > 0' <<<"$out" >/dev/null; then
        ok "finds $what"
    else
        not_ok "finds $what (exit $code)"
        jq -c '.checks[] | select(.health != "ok")' <<<"$out"
    fi
}

cat >"$dir/coordinator.yaml" <<YAML
data_dir: $c
listen: tcp://127.0.0.1:$base
enrol_listen: tcp://127.0.0.1:$((base + 1))
admin_listen: tcp://127.0.0.1:$((base + 2))
http_listen: "off"
YAML
echo 'log: {level: info}' >"$dir/agent.yaml"
start_coordinator
mkdir -m 700 "$a"
"$bin/parallax-agent" enroll "$(p agents token create --region fra --quiet 2>/dev/null)" --data-dir "$a" >/dev/null

code=0
out=$(doctor) || code=$?
if [[ $code -eq 0 ]]; then ok "all is well"; else not_ok "all is well"; jq -c '.checks[] | select(.health != "ok")' <<<"$out"; fi
check "for people, too" grep -q '^HEALTH' <<<"$(p doctor --config "$dir/coordinator.yaml" --agent-dir "$a" --agent-config "$dir/agent.yaml")"

# ---- the coordinator runs ---------------------------------------------------------------

echo 'lisen: x' >"$dir/bad.yaml"
finds "a coordinator's configuration with an unknown key" configuration "did you mean 'listen'" --config "$dir/bad.yaml"
printf 'limits: {rate: fast}\n' >"$dir/bad-agent.yaml"
finds "an agent's configuration with a bad value" "agent's configuration" "rate" --agent-config "$dir/bad-agent.yaml"
{ cat "$dir/coordinator.yaml"; echo 'advertise: localhost'; } | sed 's/^listen: .*/listen: tcp:\/\/*:7440/' >"$dir/advertise.yaml"
finds "an advertised name that is the agent itself" advertise "which is themselves" --config "$dir/advertise.yaml"
sed 's/^http_listen: .*/http_listen: 0.0.0.0:7480/' "$dir/coordinator.yaml" >"$dir/http.yaml"
finds "passwords in the clear" http_listen "in the clear" --config "$dir/http.yaml"
chmod 755 "$c"
finds "a data folder that others can look into" "data folder" "mode 0755"
chmod 700 "$c"
chmod 644 "$c/admin.key"
finds "a key that others can read" key "others can read it"
chmod 600 "$c/admin.key"
cp "$c/admin.key" "$dir/admin.key"
echo nonsense >"$c/admin.key"
finds "a key that is none" key "admin.key"
cp "$dir/admin.key" "$c/admin.key"
chown 65534 "$c/admin.key"
finds "a key that the daemon cannot read" key "belongs to uid"
chown 0 "$c/admin.key"
cp "$c/admin.yaml" "$dir/admin.yaml"
echo 'endpoint: 7' >"$c/admin.yaml"
finds "a damaged admin file" "admin file" "admin.yaml"
sed 's/^server_key: "./server_key: "x/' "$dir/admin.yaml" >"$c/admin.yaml"
patience=2s # nobody will answer
finds "an admin file with another coordinator's key" coordinator "does not answer our key"
patience=20s
cp "$dir/admin.yaml" "$c/admin.yaml"
finds "a data folder that is not there" "data folder" "No such file" --data-dir "$dir/nowhere"
chmod 755 "$a"
finds "an agent's data folder that is open" "agent's data folder" "mode 0755"
chmod 700 "$a"
mv "$a/enrolment.yaml" "$dir/enrolment.yaml"
finds "an agent that is not enrolled" enrolment "not enrolled"
echo 'endpoint: tcp://127.0.0.1:1' >"$a/enrolment.yaml"
finds "a damaged enrolment" enrolment "is damaged"
sed "s/:$base\"/:9\"/" "$dir/enrolment.yaml" >"$a/enrolment.yaml"
finds "a coordinator's port that does not answer" "coordinator's port" "refused"
cp -p "$dir/enrolment.yaml" "$a/enrolment.yaml"
finds_descriptors() { (ulimit -Sn 256; ulimit -Hn 256; finds "too few descriptors" descriptors "at most 256"; [[ $CHECKS_FAILED -eq 0 ]]); }
check "too few descriptors" finds_descriptors
mkdir "$dir/small"
mount -t tmpfs -o size=1m,mode=700 tmpfs "$dir/small"
finds "a disk that is nearly full" disk "MiB free" --agent-dir "$dir/small"

# ---- SIGHUP and config check ------------------------------------------------------------

check "a good configuration is good" "$bin/parallax-coordinator" config check "$dir/coordinator.yaml"
check "an agent's, too" "$bin/parallax-agent" config check "$dir/agent.yaml"
check "the examples are good" "$bin/parallax-agent" config check "$repo/deploy/examples/agent.yaml"
check "and the coordinator's" "$bin/parallax-coordinator" config check "$repo/deploy/examples/coordinator.yaml"
code=0
out=$("$bin/parallax-coordinator" config check "$dir/bad.yaml" 2>&1) || code=$?
check "a bad one is refused with its place" [ "$code $out" = "2 $dir/bad.yaml:1:1: unknown key 'lisen', did you mean 'listen'?" ]

# logged FILE N TEXT: until it is there so often.
logged() {
    local tries=200
    until [[ $(grep -c -- "$3" "$1") -ge $2 ]]; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

echo 'log_format: json' >>"$dir/coordinator.yaml"
kill -HUP "${pid[c]}"
check "SIGHUP: the coordinator's log format changes" logged "$dir/c.log" 1 '"event":"reload"'
echo 'nonsense: 1' >>"$dir/coordinator.yaml"
kill -HUP "${pid[c]}"
check "SIGHUP: a bad file changes nothing" logged "$dir/c.log" 1 '"event":"reload_refused"'
sed -i '/^nonsense/d; /^log_format/d' "$dir/coordinator.yaml"

"$bin/parallax-agent" run --data-dir "$a" --config "$dir/agent.yaml" >>"$dir/a.log" 2>&1 &
pid[a]=$!
printf 'name: own\nhost: 127.0.0.1\nport: %s\ncheck_interval: 500ms\ntimeout: 400ms\nlocations: [all]\n' "$base" |
    p apply -f - >/dev/null
seen() { [[ $(p status own --output json | jq -r '.monitors[0].locations[0] | .outcome + " " + (.detail // "")') == "$1" ]]; }
until_seen() {
    local tries=300
    until seen "$1"; do
        ((tries-- > 0)) || { p status own --output json | jq -c '.monitors[0].locations'; return 1; }
        sleep 0.1
    done
}
check "the agent probes" until_seen 'open '
printf 'policy: {deny: [127.0.0.0/8]}\n' >"$dir/agent.yaml"
kill -HUP "${pid[a]}"
check "SIGHUP: the agent's policy holds at once" until_seen 'local_error policy'
stop a

# ---- the coordinator does not run -------------------------------------------------------

stop c
patience=2s
finds "a coordinator that does not run" coordinator "127.0.0.1"
python3 -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); time.sleep(600)' "$base" &
pid[squatter]=$!
listens() { [[ -n $(ss -Hltn "sport = :$base") ]]; }
until_ok 30 listens
finds "a port that another program has" port "taken by another program"
head -c 4096 /dev/zero >"$c/parallax.db"
finds "a database that is none" database "no database"

check_report
