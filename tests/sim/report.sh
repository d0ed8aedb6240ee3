#!/usr/bin/env bash
# The published figures of docs/VERDICTS.md: every recipe on seeds from 1000 on, which
# development does not use, then what each ingredient is worth.
#
#   tests/sim/report.sh [BUILD_DIR [SCALE]]     SCALE in percent of the published size
#   tests/sim/report.sh quiet [BUILD_DIR [SCALE]]        34 monitor-years without a fault
#   tests/sim/report.sh sensitivity [BUILD_DIR [SCALE]]  each constant, halved and doubled
set -euo pipefail
what=all
case ${1:-} in quiet | sensitivity)
    what=$1
    shift
    ;;
esac
build=${1:-build/release}
scale=${2:-100}
sim=$build/bin/plx-sim-judge

sized() {
    local n=$(($1 * scale / 100))
    echo "$((n > 0 ? n : 1))"
}

# part RECIPE WORLDS [WITHOUT]
part() {
    echo "--- $1${3:+, without ingredient $3}"
    "$sim" run "$1" 1000 "$(sized "$2")" ${3:+"$3"}
}

case $what in
quiet)
    part quiet 8000
    exit
    ;;
sensitivity)
    for recipe in ten ten-overlap hostile; do
        echo "--- $recipe"
        "$sim" knobs "$recipe" 1000 "$(sized 60)"
    done
    exit
    ;;
esac

part ten 1000
part ten-overlap 120
part quiet 120
part hostile 120
part mixed 100
part slow-ticks 60
part three 80
part few 400
part few-spares 400
part two 80
part one 40
for ingredient in 1 2 4 8 16 32; do # enum plx_judge_without
    part ten 60 "$ingredient"
    part hostile 30 "$ingredient"
done
for ingredient in 0 32; do # what is learned about each agent's noise
    part uneven 500 "$ingredient"
    part mixed 500 "$ingredient"
    part lossy 400 "$ingredient"
done
