# What a round trip is said to be against what it is: 5,000 probes a second to a peer of
# known distance. At 25 ms answers fall between two ticks. At exactly 20 ms they fall
# together with the SYNs of the second tick after, and the peer, busy with those, is late
# itself: its own lateness says by how much.
# shellcheck shell=bash disable=SC2154

# one_distance MS
one_distance() {
    local ms=$1 r tun
    for r in 1 2 3; do
        tun_up "${ms}000"
        tun=$pid_of_last
        engine base=0x0a580001 port=80 monitors=5000 interval_ms=1000 warm_ms=1000 \
            run_ms=2500 "known_us=${ms}000" >"$work/rtt-$ms.$r"
        stop "$tun"
        cp "$work/tun" "$work/rtt-peer-$ms.$r"
    done
}

bench_rtt() {
    local ms
    for ms in 25 20; do
        one_distance $ms
        figure rtt "$ms ms: probes a second" "$(median probes_s "$work"/rtt-$ms.?)" 1/s
        if ((ms == 25)); then
            figure rtt "$ms ms: kernel's round trip, median error" \
                "$(median rtt_error_p50_us "$work"/rtt-$ms.?)" us - - "<=" 10
        else
            figure rtt "$ms ms: kernel's round trip, median error" \
                "$(median rtt_error_p50_us "$work"/rtt-$ms.?)" us
        fi
        figure rtt "$ms ms: kernel's round trip, p99 error" \
            "$(median rtt_error_p99_us "$work"/rtt-$ms.?)" us
        figure rtt "$ms ms: loop's own clock, median error" \
            "$(median clock_error_p50_us "$work"/rtt-$ms.?)" us
        figure rtt "$ms ms: peer's own lateness, median" \
            "$(median peer_late_p50_us "$work"/rtt-peer-$ms.?)" us
        figure rtt "$ms ms: peer's own lateness, p99" \
            "$(median peer_late_p99_us "$work"/rtt-peer-$ms.?)" us
    done
    figure rtt "third ACKs seen by the peer" "$(median third_ack "$work"/rtt-peer-25.?)" packets - - "<=" 0
}
