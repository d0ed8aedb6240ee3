#!/usr/bin/env bash
# What the prober says of every way a path can say no: each fault is made in the network lab
# and probed by an ordinary user with no capability. The table it prints is the one in
# docs/OUTCOMES.md.
#
#   test_outcomes.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$here/../net/lab.sh
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
trap '"$lab" down >/dev/null 2>&1 || true' EXIT

# The programs may lie below a folder that an ordinary user cannot enter.
probe_bin=$(mktemp -d /tmp/plx-outcomes-XXXXXX)
chmod 755 "$probe_bin"
cp "$bin/parallax-agent" "$probe_bin/"

# probe TARGET: as nobody, with an empty capability set.
probe() {
    "$lab" exec us-east-a setpriv --reuid=65534 --regid=65534 --clear-groups \
        --inh-caps=-all --bounding-set=-all --no-new-privs \
        "$probe_bin/parallax-agent" probe "$1" --timeout 5s --output json || true
}

# sees TARGET OUTCOME/UNREACH/DETAIL ICMP_FROM FAULT…: makes the fault, probes, heals.
sees() {
    local target=$1 want=$2 from=$3 got
    shift 3
    "$lab" "$@" >/dev/null
    got=$(probe "$target" | jq -r '.results[0] |
        "\(.outcome)/\(.unreach)/\(.detail) \(.icmp.from // "-")"')
    "$lab" heal all >/dev/null
    if [[ $got == "$want $from" ]]; then
        ok "$* → $got"
    else
        not_ok "$* → $got, not $want $from"
    fi
}

"$lab" up >/dev/null
"$lab" heal all >/dev/null
v4=10.77.100.11:5432
v6='[fd77:0:0:100::11]:5432'
edge4=10.77.11.1
edge6=fd77:0:0:11::1
where=(region us-east host db)

for target in "$v4" "$v6"; do
    got=$(probe "$target" | jq -r '.results[0] | "\(.outcome) \(.rtt_ms > 0) \(.syn_retrans)"')
    check "a healthy server at $target is open, with a kernel round trip" \
        test "$got" = "open true 0"
done
sees 10.77.100.15:80 refused//connection_refused - faults
sees "$v4" timeout//timed_out - cut "${where[@]}"
sees "$v4" unreachable/net/network_unreachable $edge4 reject net-unreachable "${where[@]}"
sees "$v4" unreachable/host/host_unreachable $edge4 reject host-unreachable "${where[@]}"
sees "$v4" unreachable/port/connection_refused $edge4 reject port-unreachable "${where[@]}"
sees "$v4" unreachable/prohibited/administratively_prohibited $edge4 \
    reject net-prohibited "${where[@]}"
sees "$v4" unreachable/prohibited/administratively_prohibited $edge4 \
    reject host-prohibited "${where[@]}"
sees "$v4" unreachable/prohibited/administratively_prohibited $edge4 \
    reject admin-prohibited "${where[@]}"
sees "$v4" refused//connection_refused - reject reset "${where[@]}"
sees "$v6" unreachable/net/network_unreachable $edge6 reject net-unreachable "${where[@]}"
sees "$v6" unreachable/host/host_unreachable $edge6 reject host-unreachable "${where[@]}"
sees "$v6" unreachable/prohibited/administratively_prohibited $edge6 \
    reject admin-prohibited "${where[@]}"
sees "$v4" local_error//no_route - unplug agent us-east-a
sees "$v4" unreachable/net/network_unreachable $edge4 unplug region us-east
rm -rf "$probe_bin"
check_report
