#!/usr/bin/env bash
# Measures the probe engine against limits and peers measured in the same run.
#
#   tests/bench/run.sh [--output table|json] [--build DIR] [--list] [NAME…]
#
# Builds (release) unless --build names a build directory, makes a network namespace of
# its own and sends nothing outside it. Needs root or user namespaces; perf or strace for
# the system calls. docs/PERFORMANCE.md says what each figure means.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
benches=(probes threads whole syscalls paced rtt stall scale hole)
# shellcheck disable=SC2034 # the benches use it
rounds=${PLX_BENCH_ROUNDS:-5}
output=table build="" names=()

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }

while (($#)); do
    case $1 in
    --output) output=$2; shift ;;
    --build) build=$2; shift ;;
    --list) printf '%s\n' "${benches[@]}"; exit 0 ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "run.sh: unknown option '$1'" >&2; usage >&2; exit 2 ;;
    *) names+=("$1") ;;
    esac
    shift
done
case $output in table | json) ;; *) echo "run.sh: --output is table or json" >&2; exit 2 ;; esac
((${#names[@]})) || names=("${benches[@]}")
for name in "${names[@]}"; do
    [[ " ${benches[*]} " == *" $name "* ]] ||
        { echo "run.sh: no bench '$name'; known: ${benches[*]}" >&2; exit 2; }
done

if [[ -z ${PLX_BENCH_INSIDE:-} ]]; then
    if [[ -z $build ]]; then
        build=$source_dir/build/release
        (cd "$source_dir" && cmake --preset release && cmake --build --preset release) >&2
    fi
    spaces=(-n)
    ((EUID == 0)) || spaces=(-rn)
    PLX_BENCH_INSIDE=1 exec unshare "${spaces[@]}" -- \
        "$0" --output "$output" --build "$build" "${names[@]}"
fi

# shellcheck source=tests/bench/lib.sh
. "$source_dir/tests/bench/lib.sh"
for name in "${names[@]}"; do
    # shellcheck source=/dev/null
    . "$source_dir/tests/bench/$name.sh"
    say "$name"
    "bench_$name"
done
render "$output"
