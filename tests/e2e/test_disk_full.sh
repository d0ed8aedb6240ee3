#!/usr/bin/env bash
# A full disk, first the agent's, then the coordinator's: each says so, nothing is lost or
# damaged, delivery goes on (the agent's, from memory) or waits (the coordinator's), and
# everything resumes by itself when there is room. Each side has a small file system of its
# own, in a mount namespace.
#
#   test_disk_full.sh BIN_DIR
set -euo pipefail
if [[ -z ${PLX_OWN_MOUNTS-} ]]; then
    flags=(--mount)
    [[ $EUID -eq 0 ]] || flags+=(--user --map-root-user)
    PLX_OWN_MOUNTS=1 exec unshare "${flags[@]}" "$0" "$@"
fi
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$here/../lib/ports.sh"
dir=$(mktemp -d /tmp/plx-full-XXXXXX)
coordinator='' agent=''

cleanup() {
    local pid
    for pid in $coordinator $agent; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    umount "$dir/agent" "$dir/coordinator" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
mkdir -p "$dir/agent" "$dir/coordinator"
mount -t tmpfs -o size=8m none "$dir/agent"
mount -t tmpfs -o size=16m none "$dir/coordinator"
chmod 700 "$dir/agent" "$dir/coordinator"

p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }

counted() {
    sqlite3 -readonly "file:$dir/coordinator/parallax.db?mode=ro" \
        'SELECT coalesce(sum(high_water), 0) FROM streams'
}
more_than() { [[ $(counted) -gt $1 ]]; }
fill() { cat /dev/zero >"$dir/$1/filler" 2>/dev/null || true; }
says() { grep -q "$1" <<<"$(p agents show a1 --output json)"; }
says_nothing() { says '"troubles": *\[\]'; }
health_is() { grep -q "\"state\": *\"$1\"" <<<"$(p health --output json)"; }
delivery() {
    "$bin/check_delivery" "$@" "$dir/coordinator/parallax.db" "$dir/agent/spool.db" \
        >"$dir/delivery.txt" 2>&1
}

"$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
    --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
    --admin-listen "tcp://127.0.0.1:$((base + 2))" --http-listen off >"$dir/coordinator.log" 2>&1 &
coordinator=$!
until_ok 20 p health || { cat "$dir/coordinator.log"; exit 1; }
token=$(p agents token create --region us-east --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent" --name a1 >/dev/null
"$bin/parallax-agent" run --data-dir "$dir/agent" >"$dir/agent.log" 2>&1 &
agent=$!
{
    echo "monitors:"
    for n in {1..20}; do
        printf '  - {monitor_type: tcp, name: r%s, host: 127.0.4.%s, port: 9, ' "$n" "$n"
        echo "check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}"
    done
} >"$dir/monitors.yaml"
p apply -f "$dir/monitors.yaml" >/dev/null
check "results arrive" until_ok 30 more_than 5

fill agent
check "the agent says that its disk is full" until_ok 30 says 'disk of the spool is full'
check "and delivers from memory" until_ok 30 says 'from memory only'
before=$(counted)
check "results still arrive" until_ok 20 more_than $((before + 60))
rm "$dir/agent/filler"
check "with room again, it has no troubles" until_ok 30 says_nothing
check "it said so itself" grep -q 'event=spool_recovered' "$dir/agent.log"
check "nothing is missing, nothing twice" until_ok 30 delivery

fill coordinator
check "the coordinator's health says that its disk is full" until_ok 30 health_is impaired
check "a change is refused with the reason" bash -c \
    "! '$bin/parallax' --data-dir '$dir/coordinator' monitors pause r1 2>'$dir/why' && grep -qi 'space' '$dir/why'"
sleep 3
keeps_results() {
    (($(sqlite3 -readonly "file:$dir/agent/spool.db?mode=ro" 'SELECT sum(last - acked) FROM stream') > 20))
}
check "the agent keeps what is not acknowledged" until_ok 20 keeps_results
rm "$dir/coordinator/filler"
check "with room again, it is well" until_ok 30 health_is ok
p apply -f /dev/stdin --prune >/dev/null <<'YAML'
{monitor_type: tcp, host: 127.0.5.1, port: 9, check_interval: 1h, timeout: 1s, locations: [all]}
YAML
check "everything arrives" until_ok 30 delivery --drained
cat "$dir/delivery.txt"
kill "$agent" "$coordinator"
wait "$agent" "$coordinator" || true
coordinator='' agent=''
for file in coordinator/parallax.db agent/spool.db; do
    check "$file is sound" test "$(sqlite3 "$dir/$file" 'PRAGMA integrity_check')" = ok
done
check_report
