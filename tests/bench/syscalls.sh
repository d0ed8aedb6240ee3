# System calls a probe in the steady state, counted by the kernel's own tracepoint, from
# the end of the warm-up on. (strace would slow a turn so much that events batch
# otherwise.)
# shellcheck shell=bash disable=SC2154

# calls_row SENTENCE OP TARGET ARG...: of the engine under that load.
calls_row() {
    local sentence=$1 op=$2 target=$3 f=$work/calls
    shift 3
    engine count_calls=1 warm_ms=1000 run_ms=3000 "$@" >"$f"
    if value "$f" calls_probe >/dev/null; then
        figure syscalls "$sentence" "$(value "$f" calls_probe)" calls/probe - - "$op" "$target"
    else
        missing syscalls "$sentence" "the kernel lets us count no system calls"
    fi
}

bench_syscalls() {
    local listener tun far=(base=0x0a580001 port=80 interval_ms=1000)
    listen calls-listen
    listener=$pid_of_last
    calls_row "as fast as it goes" "<=" 5 window=1000 monitors=65536 warm_ms=3000 run_ms=5000
    calls_row "1,012 targets at 1 s, loopback" "<=" 5 monitors=1012 interval_ms=1000
    stop "$listener"
    tun_up 20000
    tun=$pid_of_last
    calls_row "1,012 targets at 1 s, 20 ms away" "<=" 5 monitors=1012 "${far[@]}"
    calls_row "5,000 targets at 1 s, 20 ms away" "<=" 5 monitors=5000 "${far[@]}"
    stop "$tun"
}
