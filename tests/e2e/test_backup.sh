#!/usr/bin/env bash
# Backups taken while results pour in: each is sound, holds every number up to its marks
# exactly once, and goes at least as far as was acknowledged when it was asked for.
# Restored with the keys into another folder, a coordinator goes on from there and the
# agents deliver what it has not.
#
#   test_backup.sh BIN_DIR
set -euo pipefail

bin=$(cd "$1" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$repo/tests/lib/ports.sh"
dir=$(mktemp -d /tmp/plx-backup-XXXXXX)
c=$dir/coordinator
declare -A pid

cleanup() {
    local name
    set +e
    for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

p() { "$bin/parallax" --data-dir "$c" "$@"; }

# start_coordinator DIR
start_coordinator() {
    "$bin/parallax-coordinator" run --data-dir "$1" --advertise 127.0.0.1 --http-listen off \
        --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
        --admin-listen "tcp://127.0.0.1:$((base + 2))" >>"$dir/c.log" 2>&1 &
    pid[c]=$!
}

# counted DB: results counted, by the streams' marks.
counted() { sqlite3 "file:$1?mode=ro" 'SELECT coalesce(sum(high_water), 0) FROM streams'; }
more_than() { [[ $(counted "$1") -gt $2 ]]; }

ordered() { [[ $1 -le $2 && $2 -le $3 ]]; }

# said CODE TEXT: it failed, and said so.
said() { [[ $1 -ne 0 ]] && grep -qF -- "$2" "$dir/said"; }

# whole DB: every number up to each mark is there once, as a result or in a gap.
whole() {
    python3 - "$1" <<'PY'
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?immutable=1", uri=True)
days = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"
                                 " AND name GLOB 'results_[0-9]*'")]
assert days, "no table of a day"
for no, mark in db.execute("SELECT no, high_water FROM streams").fetchall():
    seqs = [s for d in days for (s,) in db.execute(f"SELECT seq FROM {d} WHERE stream = ?", (no,))]
    for first, n in db.execute("SELECT first_seq, n FROM gaps WHERE stream = ?", (no,)):
        seqs += range(first, first + n)
    assert sorted(seqs) == list(range(1, mark + 1)), f"stream {no}: {len(seqs)} of {mark}"
PY
}

start_coordinator "$c"
until_ok 30 p health
for n in 1 2; do
    mkdir -m 700 "$dir/agent$n"
    "$bin/parallax-agent" enroll "$(p agents token create --region "r$n" --quiet 2>/dev/null)" \
        --data-dir "$dir/agent$n" >/dev/null
    printf 'limits: {per_target_rate: 0}\n' >"$dir/agent$n.yaml"
    "$bin/parallax-agent" run --data-dir "$dir/agent$n" --config "$dir/agent$n.yaml" >>"$dir/a$n.log" 2>&1 &
    pid[a$n]=$!
done
for n in $(seq 100); do
    printf -- '- {name: m%s, host: 127.0.0.1, port: %s, check_interval: 200ms, timeout: 150ms, locations: [all], agents_per_location: 2}\n' "$n" "$base"
done | p apply -f - >/dev/null
check "results pour in" until_ok 60 more_than "$c/parallax.db" 2000

for n in 1 2 3; do
    before=$(counted "$c/parallax.db")
    p backup "$dir/$n.db" --output json >"$dir/$n.json"
    after=$(counted "$c/parallax.db")
    held=$(counted "$dir/$n.db")
    check "backup $n: every number once, none missing" whole "$dir/$n.db"
    check "backup $n: all that was counted when asked ($before <= $held <= $after)" \
        ordered "$before" "$held" "$after"
    check "backup $n: says what it holds" [ "$(jq .results "$dir/$n.json")" = "$held" ]
    check "backup $n: nobody else can read it" [ "$(stat -c %a "$dir/$n.db")" = 600 ]
done
check "results went on meanwhile" more_than "$c/parallax.db" "$after"
check "no copy is left behind" test ! -e "$c/backup.db"

code=0
p backup "$dir/1.db" 2>/dev/null || code=$?
check "a file that is there is not overwritten" [ "$code" = 2 ]
code=0
p restore "$dir/1.db" 2>"$dir/said" || code=$?
check "no restore under a running coordinator" said "$code" 'is in use'
head -c 100000 "$dir/1.db" >"$dir/cut.db"
code=0
"$bin/parallax" restore "$dir/cut.db" --data-dir "$dir/other" 2>"$dir/said" || code=$?
check "a backup that is cut short is refused" said "$code" 'no sound backup'

odd="$dir/100% of it?#1.db"
cp "$dir/1.db" "$odd"
check "a backup may have any name" "$bin/parallax" restore "$odd" --data-dir "$dir/odd"

# Another machine: the keys, the backup, and on.
kill "${pid[c]}"
wait "${pid[c]}" || true
mkdir -m 700 "$dir/moved"
cp -p "$c"/*.key "$dir/moved"
"$bin/parallax" restore "$dir/3.db" --data-dir "$dir/moved" >/dev/null
restored=$(counted "$dir/3.db")
c=$dir/moved
start_coordinator "$c"
check "the restored coordinator serves" until_ok 20 p health
check "its agents deliver on" until_ok 30 more_than "$c/parallax.db" $((restored + 500))
up() { [[ $(p status --output json | jq '[.monitors[] | select(.verdict == "up")] | length') == 100 ]]; }
check "every monitor is up again" until_ok 60 up
for n in 1 2; do kill "${pid[a$n]}"; wait "${pid[a$n]}" || true; unset "pid[a$n]"; done
kill "${pid[c]}"
wait "${pid[c]}" || true
unset "pid[c]"
check "and its numbers are whole" whole "$c/parallax.db"

check_report
