# CPU a probe for the work people have: 1,012 targets once a second, against the programs
# they run today. Peers that are not installed are named. Each is charged its own
# processes' CPU time, softirq work on top of its system calls included; the servers' and
# the driver's is not.
# shellcheck shell=bash disable=SC2154

paced_targets=1012
paced_seconds=4
paced_ours=

# target I: address of target I, as the engine counts them.
target() { echo "127.1.$((($1 + 1) / 256)).$((($1 + 1) % 256))"; }

# peer_row NAME US TARGET: what a probe costs the peer, and our share of it.
peer_row() {
    figure paced "$1" "$2" "CPU us/probe"
    figure paced "engine, against $1" "$paced_ours" "CPU us/probe" "$1" \
        "$(calc "$paced_ours / $2")" "${@:3}"
}

paced_own() {
    local r
    for r in 1 2 3; do
        engine monitors=$paced_targets interval_ms=1000 warm_ms=500 run_ms=2500 >"$work/paced-engine.$r"
        raw targets=$paced_targets interval_ms=1000 run_ms=2000 >"$work/paced-raw.$r"
    done
    paced_ours=$(median cpu_us_probe "$work"/paced-engine.*)
    figure paced "raw reuse loop, 10 ms ticks" "$(median cpu_us_probe "$work"/paced-raw.*)" "CPU us/probe"
    figure paced "engine" "$paced_ours" "CPU us/probe" "raw reuse" \
        "$(calc "$paced_ours / $(median cpu_us_probe "$work"/paced-raw.*)")"
}

# running_cost PID SECONDS PROBES: CPU us a probe of a running program.
running_cost() {
    local before after
    before=$(cpu_ticks "$1")
    sleep "$2"
    after=$(cpu_ticks "$1")
    calc "($after - $before) * 1000000 / $(getconf CLK_TCK) / $3"
}

paced_haproxy() {
    local conf=$work/haproxy.cfg pid i
    command -v haproxy >/dev/null || { missing paced HAProxy "not installed"; return; }
    printf 'global\n  nbthread 1\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\nlisten bench\n  bind 127.0.0.1:9999\n' >"$conf"
    for ((i = 0; i < paced_targets; i++)); do
        echo "  server s$i $(target $i):20000 check inter 1s"
    done >>"$conf"
    taskset -c "$probe_cpu" haproxy -db -f "$conf" >/dev/null 2>&1 &
    pid=$!
    children+=("$pid")
    sleep 2
    peer_row HAProxy "$(running_cost "$pid" $paced_seconds $((paced_targets * paced_seconds)))" "<=" 0.65
    stop "$pid"
}

# ask_all FILE-PREFIX: ten askers, each with a tenth of the targets, evenly over seconds.
ask_all() {
    local file pids=()
    for file in "$1".*; do
        curl -sS --rate "$((paced_targets / 10 + 1))/s" -K "$file" >/dev/null 2>&1 &
        pids+=($!)
    done
    wait "${pids[@]}" || true
}

paced_blackbox() {
    local exporter conf=$work/blackbox.yml urls=$work/urls pid i before after
    exporter=$(command -v blackbox_exporter || command -v prometheus-blackbox-exporter) ||
        { missing paced blackbox_exporter "not installed"; return; }
    command -v curl >/dev/null || { missing paced blackbox_exporter "no curl to ask it"; return; }
    printf 'modules:\n  tcp:\n    prober: tcp\n    timeout: 5s\n' >"$conf"
    "$exporter" --config.file="$conf" --web.listen-address=127.0.0.1:9115 --log.level=error >/dev/null 2>&1 &
    pid=$!
    children+=("$pid")
    for ((i = 0; i < paced_targets * paced_seconds; i++)); do
        printf 'url = "http://127.0.0.1:9115/probe?module=tcp&target=%s:20000"\noutput = /dev/null\n' \
            "$(target $((i % paced_targets)))" >>"$urls.$((i % 10))"
    done
    sleep 1
    before=$(cpu_ticks "$pid")
    ask_all "$urls"
    after=$(cpu_ticks "$pid")
    peer_row blackbox_exporter \
        "$(calc "($after - $before) * 1000000 / $(getconf CLK_TCK) / ($paced_seconds * $paced_targets)")" "<=" 0.0833
    stop "$pid"
}

# children_cost PROBES COMMAND…: CPU us a probe of a command and what it starts.
children_cost() {
    local n=$1 spent TIMEFORMAT='%U %S'
    shift
    spent=$({ time "$@" >/dev/null 2>&1; } 2>&1)
    calc "(${spent/ / + }) * 1000000 / $n"
}

check_all() {
    local i
    for ((i = 0; i < 150; i++)); do "$1" -H "$(target $i)" -p 20000 || true; done
}

paced_check_tcp() {
    local program=/usr/lib/nagios/plugins/check_tcp
    [[ -x $program ]] || { missing paced check_tcp "not installed"; return; }
    peer_row check_tcp "$(children_cost 150 check_all "$program")" "<=" 0.02
}

paced_nmap() {
    local i list=$work/nmap-targets
    command -v nmap >/dev/null || { missing paced nmap "not installed"; return; }
    for ((i = 0; i < paced_targets; i++)); do target $i; done >"$list"
    peer_row "nmap -sT, as fast as it goes" \
        "$(children_cost $paced_targets nmap -n -Pn -sT -p 20000 -iL "$list")"
    if ((EUID == 0)); then
        peer_row "nmap -sS, as fast as it goes" \
            "$(children_cost $paced_targets nmap -n -Pn -sS -p 20000 -iL "$list")"
    else
        missing paced "nmap -sS" "needs root"
    fi
}

bench_paced() {
    local listener
    listen paced-listen
    listener=$pid_of_last
    paced_own
    paced_haproxy
    paced_blackbox
    paced_check_tcp
    paced_nmap
    stop "$listener"
}
