# 19,000 probes in flight that nobody will ever answer, and 5,000 a second that are
# answered at once: what the first do to the second.
# shellcheck shell=bash disable=SC2154
bench_hole() {
    local tun listener base=$work/hole-base f=$work/hole
    local near=(monitors=5000 interval_ms=1000 max=19900)
    if (($(ulimit -Hn) < 20000)); then
        missing hole "19,000 in flight" "the limit of descriptors is $(ulimit -Hn)"
        return
    fi
    listen hole-listen
    listener=$pid_of_last
    tun_up 20000
    tun=$pid_of_last
    engine "${near[@]}" warm_ms=1000 run_ms=3500 >"$base"
    engine "${near[@]}" hole=19000 warm_ms=5500 run_ms=9500 >"$f"
    stop "$tun"
    stop "$listener"
    figure hole "in flight at the end" "$(value "$f" in_flight)" probes "19,000" \
        "$(calc "$(value "$f" in_flight) / 19000")" ">=" 0.98
    figure hole "start of the others behind plan, p99, alone" \
        "$(calc "$(value "$base" lag_p99_us) / 1000")" ms
    figure hole "start of the others behind plan, p99" \
        "$(calc "$(value "$f" lag_p99_us) / 1000")" ms
    figure hole "added by the hole, p99" \
        "$(calc "($(value "$f" lag_p99_us) - $(value "$base" lag_p99_us)) / 1000")" ms - - "<=" 20
    figure hole "end of the others seen after, p99, alone" \
        "$(calc "$(value "$base" clock_error_p99_us) / 1000")" ms
    figure hole "end of the others seen after, p99" \
        "$(calc "$(value "$f" clock_error_p99_us) / 1000")" ms - - "<=" 20
    figure hole "others not open" "$(calc "$(value "$f" probes) - $(value "$f" open) - $(value "$f" hole_timeout)")" probes - - "<=" 0
    figure hole "kernel memory a probe in flight" "$(value "$f" kernel_bytes_flight)" bytes
    bench_hole_uring
}

# 100,000 in flight in one process that may have 20,000 descriptors: io_uring keeps the
# sockets as direct descriptors. They go out over 20 s, as 100,000 monitors would.
bench_hole_uring() {
    local tun listener f=$work/hole-uring base=$work/hole-uring-base
    local near=(uring=1 monitors=5000 interval_ms=1000 max=110000)
    if ! "$bin/bench_engine" uring=1 monitors=1 max=1 run_ms=1 >/dev/null 2>"$work/hole-why"; then
        missing hole "100,000 in flight with io_uring" "$(head -n 1 "$work/hole-why")"
        return
    fi
    listen hole-listen
    listener=$pid_of_last
    tun_up 20000
    tun=$pid_of_last
    engine "${near[@]}" warm_ms=1000 run_ms=3500 >"$base"
    (ulimit -n 20000 && engine "${near[@]}" hole=100000 hole_ports=2 hole_interval_ms=20000 \
        hole_timeout_ms=20000 warm_ms=20500 run_ms=23500) >"$f"
    stop "$tun"
    stop "$listener"
    figure hole "io_uring, 20,000 descriptors: in flight at the end" "$(value "$f" in_flight)" \
        probes "100,000" "$(calc "$(value "$f" in_flight) / 100000")" ">=" 0.98
    figure hole "io_uring: resident memory" "$(calc "$(value "$f" rss_bytes) / 1048576")" MiB
    figure hole "io_uring: kernel memory a probe in flight" "$(value "$f" kernel_bytes_flight)" bytes
    figure hole "io_uring: start of the others behind plan, p99, alone" \
        "$(calc "$(value "$base" lag_p99_us) / 1000")" ms
    figure hole "io_uring: start of the others behind plan, p99" \
        "$(calc "$(value "$f" lag_p99_us) / 1000")" ms - - "<=" 20
    figure hole "io_uring: others not open" \
        "$(calc "$(value "$f" probes) - $(value "$f" open) - $(value "$f" hole_timeout)")" probes - - "<=" 0
}
