# Probes per second and core, as fast as each goes. Rounds alternate, so that a busy
# moment of the machine hits all of them. The engine is timed from its second pass over its
# targets on: in the first it asks the kernel for each one's source address.
# shellcheck shell=bash disable=SC2154
bench_probes() {
    local r listener limit lean classic ours
    listen probes-listen
    listener=$pid_of_last
    for r in $(seq $((2 * rounds - 1))); do
        raw targets=65536 reuse=1 run_ms=600 >"$work/probes-reuse.$r"
        engine window=1000 monitors=65536 warm_ms=1500 run_ms=2100 >"$work/probes-engine.$r"
        raw targets=65536 reuse=0 run_ms=600 >"$work/probes-classic.$r"
        raw targets=65536 reuse=1 info=0 run_ms=600 >"$work/probes-lean.$r"
    done
    stop "$listener"
    limit=$(median probes_s_core "$work"/probes-reuse.*)
    lean=$(median probes_s_core "$work"/probes-lean.*)
    classic=$(median probes_s_core "$work"/probes-classic.*)
    ours=$(median probes_s_core "$work"/probes-engine.*)
    figure probes "raw reuse loop" "$limit" probes/s/core
    figure probes "raw reuse loop, a boolean only (SO_ERROR)" "$lean" probes/s/core \
        "raw reuse" "$(calc "$lean / $limit")"
    figure probes "raw classic loop" "$classic" probes/s/core "raw reuse" \
        "$(calc "$classic / $limit")"
    figure probes "engine" "$ours" probes/s/core "raw reuse" "$(calc "$ours / $limit")" \
        ">=" 0.90
    figure probes "engine" "$ours" probes/s/core "raw classic" \
        "$(calc "$ours / $classic")" ">=" 1.30
    figure probes "engine" "$(median cpu_us_probe "$work"/probes-engine.*)" "CPU us/probe"
}
