#!/usr/bin/env bash
# What traces cost: 200 begun at once beside probes of the same loop, against the same loop
# without them, in turns of two seconds; and how long one of 30 hops takes, one of them silent. Makes
# network namespaces (root); the programs run as nobody, without capabilities.
#
#   trace.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$here/../net/lab.sh
hops=30
work=$(mktemp -d /tmp/plx-trace-bench-XXXXXX)
prefix=${PLX_LAB_PREFIX:-plx}-chain

cleanup() {
    local i
    "$lab" down >/dev/null 2>&1 || true
    for ((i = 0; i <= hops; i++)); do ip netns del "$prefix$i" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

# The programs may lie below a folder that nobody cannot enter.
chmod 755 "$work"
cp "$bin/parallax-agent" "$bin/bench_trace" "$work/"
as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
        --no-new-privs "$@"
}

"$lab" up --no-services >/dev/null
export -f as_nobody
"$lab" exec us-east-a bash -c "as_nobody '$work/bench_trace' traces=200"
"$lab" down >/dev/null

# A chain: 0 is the agent, the last one the target; every router but one says when a
# packet's time is over.
for ((i = 0; i <= hops; i++)); do
    ip netns add "$prefix$i"
    ip -n "$prefix$i" link set lo up
    ip netns exec "$prefix$i" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
        echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
        echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter'
done
for ((i = 0; i < hops; i++)); do
    ip -n "$prefix$i" link add next type veth peer name prev netns "$prefix$((i + 1))"
    ip -n "$prefix$i" addr add "10.78.$i.1/24" dev next
    ip -n "$prefix$((i + 1))" addr add "10.78.$i.2/24" dev prev
    ip -n "$prefix$i" link set next up
    ip -n "$prefix$((i + 1))" link set prev up
done
for ((i = 0; i <= hops; i++)); do
    ((i == hops)) || ip -n "$prefix$i" route replace 10.78.$((hops - 1)).0/24 via "10.78.$i.2" 2>/dev/null || true
    ((i == 0)) || ip -n "$prefix$i" route replace 10.78.0.0/24 via "10.78.$((i - 1)).1" 2>/dev/null || true
done
ip netns exec "$prefix$((hops / 2))" nft -f - <<'EOF'
table ip mute {
    chain out {
        type filter hook output priority 0;
        icmp type time-exceeded drop
    }
}
EOF
ip netns exec "${prefix}0" bash -c \
    "as_nobody '$work/parallax-agent' trace --output json 10.78.$((hops - 1)).2:80" >"$work/trace.json" || true
jq -r '"hops_walked \(.flows[0].hops | length)\nhops_silent \([.flows[0].hops[] | select(.kind == "silent")] | length)\nchain_trace_ms \(.duration_ms)\nchain_end \(.flows[0].end.kind)"' "$work/trace.json"
