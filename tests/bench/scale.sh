# 100,000 monitors at 60 s on one agent. The whole minute is not waited for: the spread
# over the interval is read from the plan, and 8 s of it are run.
# shellcheck shell=bash disable=SC2154

# What a probe in flight takes beside its monitor: the same engine with few and with many
# in a black hole. What is never used is not there.
flight_bytes() {
    local tun few many
    tun_up 20000
    tun=$pid_of_last
    few=$(hole_bytes 2000)
    many=$(hole_bytes 18000)
    stop "$tun"
    calc "($many - $few) / 16000"
}
hole_bytes() {
    local f=$work/scale-hole.$1
    engine max=19900 monitors=1 interval_ms=1000 "hole=$1" hole_interval_ms=5000 \
        hole_timeout_ms=5000 run_ms=5200 >"$f"
    value "$f" run_bytes
}

bench_scale() {
    local f=$work/scale listener
    listen scale-listen
    listener=$pid_of_last
    engine monitors=100000 interval_ms=60000 warm_ms=1000 run_ms=9000 >"$f"
    stop "$listener"
    figure scale "resident memory" "$(calc "$(value "$f" rss_bytes) / 1048576")" MiB - - "<=" 64
    figure scale "a monitor" "$(value "$f" monitor_bytes)" bytes - - "<=" 128
    figure scale "a probe in flight, user" "$(flight_bytes)" bytes - - "<=" 128
    figure scale "probes a second" "$(value "$f" probes_s)" 1/s "100,000 / 60 s" \
        "$(calc "$(value "$f" probes_s) * 60 / 100000")"
    figure scale "CPU" "$(calc "$(value "$f" probes_s) * $(value "$f" cpu_us_probe) / 1e4")" "% of a core"
    figure scale "CPU a probe" "$(value "$f" cpu_us_probe)" us
    figure scale "scheduling lag, median" "$(calc "$(value "$f" lag_p50_us) / 1000")" ms
    figure scale "scheduling lag, p99" "$(calc "$(value "$f" lag_p99_us) / 1000")" ms - - "<=" 20
    figure scale "plan: worst 5 s of the minute off uniform" \
        "$(value "$f" plan_spread_12_percent)" % - - "<=" 5
    figure scale "plan: worst 1 s of the minute off uniform" \
        "$(value "$f" plan_spread_60_percent)" %
    figure scale "starts: worst second of the run off uniform" \
        "$(value "$f" start_spread_percent)" %
    figure scale "not made, late" "$(value "$f" not_made_late)" probes - - "<=" 0
}
