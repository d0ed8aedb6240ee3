# Two probing threads against one: the engines as fast as they go, beside two raw loops
# against one, which is what the machine has to give; and what a probe costs the whole agent.
# shellcheck shell=bash disable=SC2154

# Two raw loops at once, each on a CPU of its own: the sum of their rates.
both_raw() {
    local f=$work/threads-raw2 second
    "$bin/bench_raw" cpu=0 ports=1 targets=32768 run_ms=1000 >"$f.0" &
    second=$!
    "$bin/bench_raw" cpu=1 ports=1 targets=32768 base=$((0x7f018001)) run_ms=1000 >"$f.1"
    wait "$second"
    calc "$(value "$f.0" probes_s) + $(value "$f.1" probes_s)"
}

bench_threads() {
    local r listener one two raws
    if (($(nproc) < 2)); then
        missing threads "2 threads" "there is one CPU"
        return
    fi
    listen threads-listen
    listener=$pid_of_last
    for r in $(seq "$rounds"); do
        engine window=1000 monitors=65536 run_ms=1000 >"$work/threads-1.$r"
        "$bin/bench_engine" threads=2 window=1000 monitors=65536 run_ms=1000 >"$work/threads-2.$r"
        echo "rate $(raw targets=65536 run_ms=600 >"$work/threads-raw"; value "$work/threads-raw" probes_s)" >"$work/threads-raw1.$r"
        echo "rate $(both_raw)" >"$work/threads-raws.$r"
    done
    stop "$listener"
    one=$(median probes_s "$work"/threads-1.*)
    two=$(median probes_s "$work"/threads-2.*)
    raws=$(calc "$(median rate "$work"/threads-raws.*) / $(median rate "$work"/threads-raw1.*)")
    figure threads "raw reuse loops, two at once" "$(median rate "$work"/threads-raws.*)" probes/s \
        "one" "$raws"
    figure threads "engine, 1 thread" "$one" probes/s
    figure threads "engine, 2 threads" "$two" probes/s "1 thread" "$(calc "$two / $one")"
    figure threads "engine, what 2 threads bring" "$(calc "$two / $one")" "of 1 thread" \
        "what 2 raw loops bring" "$(calc "$two / $one / $raws")" ">=" 0.90
    figure threads "engine, 2 threads: CPU a probe" "$(median cpu_us_probe "$work"/threads-2.*)" "CPU us" \
        "1 thread" "$(calc "$(median cpu_us_probe "$work"/threads-2.*) / $(median cpu_us_probe "$work"/threads-1.*)")"
}
