#!/usr/bin/env bash
# The published figures of docs/VERDICTS.md: every recipe on seeds from 1000 on, which
# development does not use, then what each ingredient is worth.
#
#   tests/sim/report.sh [BUILD_DIR [SCALE]]     SCALE in percent of the published size
set -euo pipefail
build=${1:-build/release}
scale=${2:-100}
sim=$build/bin/plx-sim-judge

# part RECIPE WORLDS [WITHOUT]
part() {
    local n=$(($2 * scale / 100))
    echo "--- $1${3:+, without ingredient $3}"
    "$sim" run "$1" 1000 "$((n > 0 ? n : 1))" ${3:+"$3"}
}

part ten 200
part ten-overlap 120
part quiet 120
part hostile 120
part mixed 100
part slow-ticks 60
part three 80
part two 80
part one 40
for ingredient in 1 2 4 8 16 32; do # enum plx_judge_without
    part ten 60 "$ingredient"
    part hostile 30 "$ingredient"
done
