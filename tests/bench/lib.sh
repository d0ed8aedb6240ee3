# Shared by the benches: programs, medians, figures. Sourced by run.sh inside its own
# network namespace.
# shellcheck shell=bash disable=SC2034,SC2154

bin=$build/bin
work=$(mktemp -d)
table=$work/figures
: >"$table"
children=()

finish() {
    for pid in "${children[@]}"; do kill "$pid" 2>/dev/null || true; done
    [[ ! -w $autogroup ]] || echo 0 >"$autogroup" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

ip link set lo up
# As good a place in the queue as this user may have: a machine that does other things
# must not be what is measured.
# (Where the kernel groups processes by session, nice counts within the session only.)
renice -n -20 $$ >/dev/null 2>&1 || true
autogroup=/proc/$$/autogroup
[[ ! -w $autogroup ]] || echo -20 >"$autogroup" 2>/dev/null || true
# Where there are two CPUs the servers get one and the prober the other.
if (($(nproc) > 1)); then server_cpu=0 probe_cpu=1; else server_cpu=-1 probe_cpu=-1; fi

say() { echo "bench: $*" >&2; }

# value FILE NAME: one figure of a program's output.
value() { awk -v n="$2" '$1 == n { print $2; found = 1 } END { exit !found }' "$1"; }

# median NAME FILE…
median() {
    local name=$1
    shift
    awk -v n="$name" '$1 == n { print $2 }' "$@" | sort -g |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

calc() { awk "BEGIN { printf \"%.6g\", ($*) }"; }

# figure BENCH NAME VALUE UNIT [LIMIT RATIO [OP TARGET]]: one row; LIMIT names what RATIO
# is against ("-": a bare figure, whose target is for the value itself).
figure() {
    local IFS=$'\t'
    echo "$1${IFS}$2${IFS}$3${IFS}$4${IFS}${5:--}${IFS}${6:--}${IFS}${7:--}${IFS}${8:--}" >>"$table"
}
# What could not be measured is said, never left out.
missing() { figure "$1" "$2" - "not measured: $3"; }

# start NAME PROGRAM ARG…: a server in the background, up when it says "ready".
start() {
    local name=$1
    shift
    "$@" >"$work/$name" &
    children+=($!)
    pid_of_last=$!
    for _ in $(seq 100); do
        grep -q '^ready' "$work/$name" && return
        sleep 0.05
    done
    say "$name did not start"
    exit 3
}
# stop PID: and its last words are in its file.
stop() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

raw() { "$bin/bench_raw" cpu=$probe_cpu ports=1 "$@"; }
engine() { "$bin/bench_engine" cpu=$probe_cpu "$@"; }
listen() { start "${1:-listen}" "$bin/bench_listen" cpu=$server_cpu ports=1; }

# The peer of known distance on 10.88.0.0/16, and the black hole behind it.
tun_up() {
    start tun "$bin/bench_tun" cpu=$server_cpu "delay_us=$1"
    ip addr add 10.88.255.254/16 dev bench0
    ip link set bench0 up
    ip route add 10.99.0.0/16 dev bench0
}

# cpu_ticks PID: user and system time of a process with all its threads, in clock ticks.
cpu_ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

rows_as_table() {
    awk -F'\t' '
    function num(v) {
        if (v !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/) return v
        if (v == int(v)) return sprintf("%d", v)
        return sprintf(v < 10 && v > -10 ? "%.3f" : "%.1f", v)
    }
    BEGIN { printf "%-9s %-44s %12s %-14s %8s  %s\n", "bench", "figure", "value", "unit", "ratio", "target" }
    {
        v = $6 == "-" ? $3 : $6
        verdict = $7 == "-" ? "" : ($7 == "<=" ? v + 0 <= $8 + 0 : v + 0 >= $8 + 0) ? "met" : "MISSED"
        target = $7 == "-" ? "" : $7 " " $8 " " verdict
        of = $5 == "-" ? "" : " of " $5
        if ($3 == "-") printf "%-9s %-44s %12s %s\n", $1, $2, "-", $4
        else printf "%-9s %-44s %12s %-14s %8s  %s%s\n", $1, $2, num($3), $4, $6 == "-" ? "" : sprintf("%.3f", $6), target, of
    }' "$table"
}

rows_as_json() {
    awk -F'\t' '
    function num(v) { return v == "-" ? "null" : v }
    function text(v) { return v == "-" ? "null" : "\"" v "\"" }
    BEGIN { printf "{\"figures\":[" }
    {
        printf "%s\n{\"bench\":\"%s\",\"figure\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"limit\":%s,\"ratio\":%s,\"op\":%s,\"target\":%s}", \
            (NR > 1 ? "," : ""), $1, $2, num($3), $4, text($5), num($6), text($7), num($8)
    }
    END { print "\n]}" }' "$table"
}

render() { "rows_as_$1"; }
