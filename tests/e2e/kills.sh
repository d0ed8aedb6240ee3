#!/usr/bin/env bash
# What is acknowledged is never lost and nothing is counted twice, thousands of times over:
# kill -9 of real coordinators and agents (test_kills.sh, on fleets side by side, each with
# new databases), and as many cuts of the power under the store and under the spool
# (test_power, SQLite on a disk that drops what was not synced).
#
#   kills.sh [KILLS [CUTS]]      of coordinators and as many of agents; default 2000 each
#
# BIN is the programs' folder (default build/release/bin), JOBS how many run at a time
# (default 4: they mostly wait for one another), FIRST the first seed (default 1). A line
# when each is done, the sums in the end; the logs of those that failed stay, and are named.
# Half an hour on two cores.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "${BIN:-$here/../../build/release/bin}" && pwd)
jobs=${JOBS:-4}
kills=$((${1:-2000} * 2))
cuts=${2:-2000}
first=${FIRST:-1}
a_fleet=160 # kills: so many that files grow and day tables fill, and yet are soon checked
a_disk=250  # cuts
logs=$(mktemp -d /tmp/plx-kills-logs-XXXXXX)
export here bin logs

# one KIND COUNT SEED: a part of the whole, in a log of its own; a line of how it ended.
one() {
    local log=$logs/$1-$3.log rc=0
    case $1 in
    fleet) PLX_SEED=$3 "$here/test_kills.sh" "$bin" "$2" >"$log" 2>&1 || rc=$? ;;
    disk) "$bin/test_power" "$2" "$3" >"$log" 2>&1 || rc=$? ;;
    esac
    if ((rc)); then
        echo "FAILED $1 of seed $3, $2: $log"
        mv "$log" "$log.failed"
    else
        echo "ok $1 of seed $3, $2: $(tail -n 40 "$log" | grep -E '^[0-9]+ streams|cuts at' | tail -n 1)"
    fi
}
export -f one

# parts KIND ALL OF_ONE: the lines of arguments.
parts() {
    local seed=$first left=$2
    while ((left > 0)); do
        echo "$1 $((left < $3 ? left : $3)) $seed"
        left=$((left - $3))
        seed=$((seed + 1))
    done
}

summary() {
    cat "$logs"/fleet-*.log 2>/dev/null | awk '
        / coordinator and .* agent kills$/ { c += $2; a += $5 }
        /^[0-9]+ streams: .* 0 waiting/ { s += $1; r += $3; l += $6; v += $(NF - 1) }
        END { printf "%d kills of coordinators, %d of agents: %d results of %d streams,", c, a, r, s
              printf " %d lost, %d violations\n", l, v }'
    cat "$logs"/disk-*.log 2>/dev/null | awk '
        /cuts at up to/ { n[$1] += $2 }
        END { for (k in n) printf "%d cuts of the power under the %s\n", n[k], k }' | tr -d :
}

began=$SECONDS
{
    parts fleet "$kills" "$a_fleet"
    parts disk "$cuts" "$a_disk"
} | xargs -P "$jobs" -L 1 bash -c 'one "$@"' one | while read -r line; do
    printf '%5d s  %s\n' $((SECONDS - began)) "$line"
done
summary
failed=$(find "$logs" -name '*.failed' | wc -l)
echo "$failed of the parts failed; $((SECONDS - began)) s"
((failed)) || rm -rf "$logs"
((failed == 0))
