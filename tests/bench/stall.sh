# The loop is put to sleep at full load, right after fresh SYNs went out. Packets are
# counted by nftables, because a capture at this rate loses some.
# shellcheck shell=bash disable=SC2154

count_packets() {
    nft -f - <<'NFT'
table inet bench {
    counter syn { }
    counter syn_ack { }
    counter rst { }
    counter other { }
    chain input {
        type filter hook input priority 0;
        tcp flags & (syn | ack | rst) == syn counter name syn accept
        tcp flags & (syn | ack | rst) == syn | ack counter name syn_ack accept
        tcp flags & rst == rst counter name rst accept
        meta l4proto tcp counter name other accept
    }
}
NFT
}
packets() { nft list counter inet bench "$1" | awk '/packets/ { print $2 }'; }

# one_stall MS ARG…: leaves the engine's and the listener's words in files.
one_stall() {
    local ms=$1 listener
    shift
    count_packets
    listen "stall-listen.$ms"
    listener=$pid_of_last
    engine window=1000 monitors=65536 run_ms=1500 stall_at_ms=500 "stall_ms=$ms" "$@" >"$work/stall.$ms"
    stop "$listener"
    for p in syn syn_ack rst other; do echo "packets_$p $(packets $p)"; done >>"$work/stall.$ms"
    nft delete table inet bench
}

# Probes that ended as a failure of the target.
blamed() {
    awk '$1 ~ /^(refused|timeout|unreachable|reset|mismatch)$/ { n += $2 } END { print n + 0 }' "$1"
}

# stall_rows NAME MS ARG…
stall_rows() {
    local name=$1 ms=$2 f=$work/stall.$2 accepts marked
    shift 2
    one_stall "$ms" "$@"
    accepts=$(value "$work/stall-listen.$ms" accepts)
    marked=$(calc "$(value "$f" closed_late) + $(value "$f" marked_stalled)")
    figure stall "$name: probes" "$(value "$f" probes)" probes
    if ((ms <= 150)); then
        figure stall "$name: accepts at the server" "$accepts" accepts - - "<=" 0
        figure stall "$name: packets a SYN" \
            "$(calc "($(value "$f" packets_syn) + $(value "$f" packets_syn_ack) + $(value "$f" packets_rst) + $(value "$f" packets_other)) / $(value "$f" packets_syn)")" \
            packets - - "<=" 3
        figure stall "$name: packets that are no SYN, SYN-ACK or RST" \
            "$(value "$f" packets_other)" packets - - "<=" 0
    else
        figure stall "$name: accepts at the server" "$accepts" accepts
        figure stall "$name: accepts beyond the marked results" \
            "$(calc "$accepts > $marked ? $accepts - $marked : 0")" accepts - - "<=" 0
    fi
    figure stall "$name: marked closed late" "$(value "$f" closed_late)" probes
    figure stall "$name: marked as the agent's own stall" "$(value "$f" marked_stalled)" probes
    figure stall "$name: blamed on the target" "$(blamed "$f")" probes - - "<=" 0
}

bench_stall() {
    stall_rows "150 ms" 150 timeout_ms=100
    stall_rows "300 ms, past the timeout" 300 timeout_ms=100
    stall_rows "300 ms, within it" 300 timeout_ms=10000
}
