#!/usr/bin/env bash
# The fleet's simulator over many seeds, each a simulated day of faults: the nightly run.
#
#   world.sh [SEEDS [FIRST]]     default 2000 seeds from 1
#   world.sh scenarios           the stories of tests/sim/scenarios, three seeds each
#   world.sh sabotage            six broken builds: each must be caught within 200 seeds
#
# BIN is the folder of plx-sim-world (default build/release/bin), JOBS the processes at a
# time (default 1), RUN the simulated time in which faults happen (default 24h). A seed
# that breaks a promise is named with the command that replays it, and the rest goes on;
# the end is 0 only if there was none. docs/SIMULATION.md says what is promised.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${BIN:-$repo/build/release/bin}
jobs=${JOBS:-1}
run=${RUN:-24h}
chunk=10

# world FIRST COUNT: so many seeds; after one that fails it goes on with the next.
world() {
    local seed=$1 end=$(($1 + $2)) out rc
    while ((seed < end)); do
        rc=0
        out=$("$bin/plx-sim-world" --first-seed "$seed" --seeds $((end - seed)) --run "$run") || rc=$?
        echo "$out"
        ((rc == 0)) && break
        if ((rc != 1)); then
            echo "seed $seed or one after it: ended with $rc"
            break
        fi
        seed=$(($(sed -n 's/^seed \([0-9]*\):.*/\1/p' <<<"$out") + 1))
    done
}
export -f world
export bin run

many() {
    local n=$1 first=$2 log broken began=$SECONDS
    log=$(mktemp)
    trap 'rm -f "$log"' RETURN
    for ((seed = first; seed < first + n; seed += chunk)); do
        echo "$seed $((first + n - seed < chunk ? first + n - seed : chunk))"
    done | xargs -P "$jobs" -L 1 bash -c 'world "$@"' world >"$log"
    grep -E '^(seed|replay)' "$log" || true
    awk '/worlds,/ { w += $1; a += $3; d += $7 }
         /events,/ { e += $1; m += $3; l += substr($5, 2); r += $9 }
         /numbered,/ { res += $1; g += $6; v += $11; t += $13 }
         /notices,/ { no += $1; to += $3; ag += $5; re += $8 }
         /^faults:/ { for (i = 2; i < NF; i += 2) f[$i] += $(i + 1) }
         END { printf "%d worlds with %d agents, %.1f simulated days\n", w, a, d
               printf "%d events, %d messages (%d lost), %d restarts, %d results (%d made gaps), ", e, m, l, r, res, g
               printf "%d verdicts (%d against targets)\n", v, t
               printf "%d notices, %d told, %d times again, %d refused\nfaults:", no, to, ag, re
               for (k in f) printf " %s %d", k, f[k]
               printf "\n" }' "$log"
    broken=$(grep -c '^seed' "$log" || true)
    echo "$broken seeds broke a promise; $((SECONDS - began)) s"
    ((broken == 0))
}

# A simulator that would not see a broken build proves nothing.
sabotage() {
    local what out status=0
    for what in early-ack no-dedup endless-lease early-page early-forget new-key; do
        if out=$("$bin/plx-sim-world" --seeds 200 --run 6h --sabotage "$what"); then
            echo "NOT CAUGHT: $what"
            status=1
        else
            echo "caught: $what"
            grep -E '^(seed|replay)' <<<"$out" | sed 's/^/    /'
        fi
    done
    return $status
}

scenarios() {
    local file status=0
    for file in "$repo"/tests/sim/scenarios/*.txt; do
        if out=$("$bin/plx-sim-world" --seeds 3 --scenario "$file"); then
            echo "ok: $(basename "$file")"
        else
            printf 'FAILED: %s\n%s\n' "$(basename "$file")" "$out"
            status=1
        fi
    done
    return $status
}

case ${1-} in
scenarios) scenarios ;;
sabotage) sabotage ;;
*) many "${1:-2000}" "${2:-1}" ;;
esac
