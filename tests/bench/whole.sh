# The whole agent, as it is installed: probing, spool on disk, protobuf, CURVE, with a
# coordinator that only acknowledges. It has a plan and no full speed, so it gets 20,000
# probes a second and the raw loop gets the same; all of the agent's threads count.
# shellcheck shell=bash disable=SC2154

whole_monitors=20000
whole_seconds=4

bench_whole() {
    local listener sink agent before after us limit dir=$work/agent
    mkdir "$dir"
    listen whole-listen
    listener=$pid_of_last
    start whole-sink taskset -c "${server_cpu/-1/0}" "$bin/bench_sink" "$dir" monitors=$whole_monitors
    sink=$pid_of_last
    taskset -c "${probe_cpu/-1/0}" "$bin/parallax-agent" run --data-dir "$dir" >"$work/whole-log" 2>&1 &
    agent=$!
    children+=("$agent")
    sleep 2.5
    before=$(cpu_ticks "$agent")
    sleep $whole_seconds
    after=$(cpu_ticks "$agent")
    figure whole "agent's resident memory" \
        "$(calc "$(awk '/^VmRSS/ { print $2 }' "/proc/$agent/status") / 1024")" MiB
    stop "$agent"
    stop "$sink"
    if ! value "$work/whole-sink" open >/dev/null || (($(value "$work/whole-sink" open) == 0)); then
        sed 's/^/bench: agent: /' "$work/whole-log" >&2
        missing whole "agent" "it delivered nothing"
        stop "$listener"
        return
    fi
    raw targets=$whole_monitors interval_ms=1000 window=2048 run_ms=2500 >"$work/whole-raw"
    raw targets=65536 run_ms=600 >"$work/whole-full"
    stop "$listener"
    us=$(calc "($after - $before) * 1000000 / $(getconf CLK_TCK) / ($whole_monitors * $whole_seconds)")
    limit=$(value "$work/whole-raw" cpu_us_probe)
    figure whole "raw reuse loop at the same rate" "$limit" "CPU us/probe"
    figure whole "agent" "$us" "CPU us/probe"
    figure whole "agent, probes/s/core" "$(calc "1000000 / $us")" probes/s/core \
        "raw reuse, same rate" "$(calc "$limit / $us")" ">=" 0.80
    figure whole "agent, probes/s/core" "$(calc "1000000 / $us")" probes/s/core \
        "raw reuse, as fast as it goes" "$(calc "$(value "$work/whole-full" cpu_us_probe) / $us")"
    figure whole "results delivered that are open" \
        "$(calc "100 * $(value "$work/whole-sink" open) / $(value "$work/whole-sink" results)")" %
    figure whole "results delivered" "$(value "$work/whole-sink" results)" results
    figure whole "results a frame" "$(value "$work/whole-sink" results_frame)" results
}
