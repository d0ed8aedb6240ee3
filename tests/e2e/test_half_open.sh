#!/usr/bin/env bash
# Half-open probes and servers that count those who hang up: 10,000 at a MariaDB that
# blocks an address after 10 interrupted connects and 10,000 at an sshd that turns people
# away from the third unauthenticated connection on, and neither has seen anybody. A few
# complete handshakes show that both would have noticed. Real servers, each a plain process
# with its own folder, in namespaces; as root, because both insist.
#
#   test_half_open.sh BIN_DIR
set -euo pipefail
[[ -n ${PLX_HALF_OPEN_INSIDE:-} ]] || PLX_HALF_OPEN_INSIDE=1 exec unshare -n -m -- "$0" "$@"
ip link set lo up
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
dir=$(mktemp -d /tmp/plx-half-open-XXXXXX)
chmod 755 "$dir"
mysql_port=3306 ssh_port=22
# Who connects to an address of this host comes from it. MariaDB never blocks 127.0.0.1.
prober=192.0.2.9 rude=192.0.2.8
ip addr add $prober/32 dev lo
ip addr add $rude/32 dev lo
# It counts for those whose names it can look up; there is no name server in here.
printf '127.0.0.1 localhost\n%s prober\n%s rude\n' $prober $rude >"$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts
per_server=10000 together=50
pids=()

cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

start_mariadb() {
    install -d -o mysql "$dir/mysql"
    mysql_install_db --no-defaults --user=mysql --datadir="$dir/mysql" \
        --auth-root-authentication-method=normal >"$dir/mysql-install.log" 2>&1
    mariadbd --no-defaults --user=mysql --datadir="$dir/mysql" --port="$mysql_port" \
        --bind-address=0.0.0.0 --socket="$dir/mysql/s" --max-connect-errors=10 \
        --skip-name-resolve=OFF --performance-schema=ON >"$dir/mysql.log" 2>&1 &
    pids+=($!)
}

start_sshd() {
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$dir/hostkey"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    /usr/sbin/sshd -D -e -f /dev/null -h "$dir/hostkey" -p "$ssh_port" \
        -o PidFile=none -o LogLevel=VERBOSE \
        -o MaxStartups=3:30:10 -o UsePAM=no -o StrictModes=no -o PermitRootLogin=yes \
        -o AuthorizedKeysFile="$dir/key.pub" >"$dir/ssh.log" 2>&1 &
    pids+=($!)
}

sql() { mariadb --no-defaults --socket="$dir/mysql/s" -u root -N -B -e "$1"; }
# A client as anybody's, from an address that MariaDB counts for.
client() {
    timeout 60 mariadb --no-defaults -h "$1" -P "$mysql_port" -u guest -N -B -e 'select 1' 2>&1 || true
}
login() {
    timeout 60 ssh -n -F none -i "$dir/key" -p "$ssh_port" -o BatchMode=yes -o LogLevel=ERROR \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@$prober echo in \
        2>&1 || true
}
aborted() { sql "show global status like 'Aborted_connects'" | cut -f 2; }
# What the host cache holds against an address.
held_against() {
    sql "select coalesce(sum(sum_connect_errors + count_handshake_errors), 0)
         from performance_schema.host_cache where ip = '$1'"
}
seen_by_sshd() { grep -c '^Connection from' "$dir/ssh.log" || true; }

# probe N ADDRESS HOW…: N probes of each server, at once; prints what came of them. Ahead of
# others: who is not given the processor for 200 ms has shaken hands, for the kernel waits no
# longer. A probe knows and says so, and is no half-open one.
probe() {
    local n=$1 addr=$2 targets=() i
    shift 2
    for ((i = 0; i < n; i++)); do
        targets+=("$addr:$mysql_port" "$addr:$ssh_port")
    done
    nice -n -10 "$bin/parallax-agent" probe --output json "$@" "${targets[@]}" 2>/dev/null |
        grep -oE '"outcome":"[a-z_]*"|"port":[0-9]*|"closed_late":true' || true
}

start_mariadb
start_sshd
ready() { sql 'select 1' >/dev/null 2>&1 && ss -Hltn "sport = :$ssh_port" | grep -q .; }
for _ in $(seq 900); do ready && break || sleep 0.1; done
check "the servers are up" ready
sql "create user guest@'%'; create user guest@localhost; flush hosts"
check "a client gets in before" test "$(client $prober)" = 1
check "a login works before" test "$(login)" = in

before_aborted=$(aborted) before_seen=$(seen_by_sshd)
began=$SECONDS
for ((round = 0; round < per_server / together; round++)); do
    probe $together $prober
done >"$dir/outcomes"
echo "$((2 * per_server)) half-open probes in $((SECONDS - began)) s"
check "all of them found an open port" \
    test "$(grep -c '"open"' "$dir/outcomes")" = "$((2 * per_server))"
# late PORT: of how many probes of it the agent itself says that it was too late.
late() { awk -v port="\"port\":$1" '/port/ {at = $0} /closed_late/ && at == port {n++} END {print n + 0}' "$dir/outcomes"; }
late_mysql=$(late $mysql_port) late_ssh=$(late $ssh_port)
echo "closed too late for the kernel, by the agent's own count: $late_mysql of MariaDB, $late_ssh of sshd"
check "MariaDB has aborted none that was half-open" test "$(aborted)" -le $((before_aborted + late_mysql))
check "MariaDB holds none against the prober" test "$(held_against $prober)" -le "$late_mysql"
check "a client still gets in from its address" test "$(client $prober)" = 1
check "sshd has seen none" test "$(seen_by_sshd)" -le $((before_seen + late_ssh))
check "and hardly one was late" test $((late_mysql + late_ssh)) -lt 10
check "sshd has turned nobody away" test "$(grep -c MaxStartups "$dir/ssh.log" || true)" = 0
check "a login still works" test "$(login)" = in

# Those who do connect, and hang up or say nothing, are noticed.
hang_up() { (exec 3<>"/dev/tcp/$rude/$1" && head -c 4 <&3 >"$dir/heard"); }
for _ in $(seq 12); do hang_up $mysql_port; done
for _ in $(seq 12); do
    { exec 3<>"/dev/tcp/$rude/$ssh_port" && exec sleep 60; } &
    pids+=($!)
done
blocked() { [[ $(client $rude) == *"is blocked"* ]]; }
throttles() { timeout 30 sh -c 'until grep -q MaxStartups "$1"; do sleep 0.1; done' - "$dir/ssh.log"; }
check "MariaDB would have noticed" blocked
check "sshd would have noticed" throttles
check_report
