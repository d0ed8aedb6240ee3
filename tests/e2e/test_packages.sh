#!/usr/bin/env bash
# The Debian packages in roots of their own: what is installed, three regions with data, an
# upgrade under traffic that loses nothing, removal that keeps the data, purge that leaves
# nothing.
#
#   test_packages.sh BIN_DIR
#
# Needs root. The bare Debian 12 is made once by debootstrap, kept in build/chroot/base and
# never written to: every root is an overlay. systemd does not run in the roots, so this
# test starts and stops the daemons with the units' own command lines.
set -euo pipefail

bin=$(cd "$1" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=deploy/packages.sh
. "$repo/deploy/packages.sh"
plx_packages_ensure package
base=$repo/build/chroot/base
dir=$(mktemp -d /tmp/plx-packages-XXXXXX)
ns=plxpkg$$
roots=(one two three)
declare -A pid

cleanup() {
    local name
    set +e
    for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null; done
    wait 2>/dev/null
    for name in "${roots[@]}"; do
        umount "$dir/$name/root/proc" "$dir/$name/root" 2>/dev/null
        ip netns del "$ns-$name" 2>/dev/null
    done
    ip netns del "$ns-hub" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

make_base() {
    [[ -e $base/.complete ]] && return
    rm -rf "$base" && mkdir -p "$base"
    debootstrap --variant=minbase \
        --include="$(plx_packages_list run | paste -sd,),systemd,passwd" \
        bookworm "$base" >"$dir/debootstrap.log" 2>&1 ||
        { tail -n 5 "$dir/debootstrap.log"; return 1; }
    touch "$base/.complete"
}

# make_root NAME ADDRESS: an overlay and a network of its own, joined to the others'.
make_root() {
    local d=$dir/$1
    mkdir -p "$d"/{upper,work,root}
    mount -t overlay "$ns-$1" "$d/root" \
        -o "lowerdir=$base,upperdir=$d/upper,workdir=$d/work"
    mount -t proc proc "$d/root/proc"
    ip netns add "$ns-$1"
    ip link add eth0 netns "$ns-$1" type veth peer name "$1" netns "$ns-hub"
    ip -n "$ns-hub" link set "$1" master bridge up
    ip -n "$ns-$1" addr add "$2/24" dev eth0
    ip -n "$ns-$1" link set eth0 up
    ip -n "$ns-$1" link set lo up
}

make_network() {
    ip netns add "$ns-hub"
    ip -n "$ns-hub" link add bridge type bridge
    ip -n "$ns-hub" link set bridge up
}

# in_root NAME COMMAND…
in_root() {
    local name=$1
    shift
    ip netns exec "$ns-$name" chroot "$dir/$name/root" "$@"
}

p() { in_root one parallax "$@"; }

# install_in NAME VERSION PACKAGE…
install_in() {
    local name=$1 version=$2 package
    shift 2
    for package; do cp "$dir/$version/${package}_${version}_amd64.deb" "$dir/$name/root/tmp"; done
    in_root "$name" sh -c 'dpkg --force-confold -i /tmp/*.deb && rm /tmp/*.deb' >>"$dir/dpkg-$name.log" 2>&1
}

# start NAME UNIT USER: as the unit says.
start() {
    local words
    words=$(sed -n 's/^ExecStart=//p' "$dir/$1/root/usr/lib/systemd/system/$2.service")
    # shellcheck disable=SC2086 # words
    ip netns exec "$ns-$1" chroot --userspec="$3:$3" "$dir/$1/root" $words \
        >>"$dir/$2-$1.log" 2>&1 </dev/null &
    pid[$2-$1]=$!
}

stop() {
    kill "${pid[$1]}"
    wait "${pid[$1]}" || true
    unset "pid[$1]"
}

# until_ok SECONDS COMMAND…
until_ok() {
    local tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

# What a root holds beside the package manager's own books.
inventory() {
    (cd "$dir/$1/root" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./var/lib/dpkg \
        -o -path ./var/log -o -path ./var/cache -o -path './etc/*-' \) -prune -o -print | sort)
    sort "$dir/$1/root/etc/passwd"
}

# mode NAME PATH: permissions and owner, by the root's own names.
mode() {
    local owner
    owner=$(stat -c %u "$dir/$1/root$2")
    stat -c %a "$dir/$1/root$2" | tr '\n' ' '
    awk -F: -v id="$owner" '$3 == id {print $1}' "$dir/$1/root/etc/passwd"
}

views_up() {
    [[ $(p status watched --output json | jq '[.monitors[0].locations[] | select(.outcome == "open")] | length') == 3 ]]
}

sql() { sqlite3 "$dir/one/root/var/lib/parallax/parallax.db" "$1"; }

results_beyond() { [[ $(sql 'SELECT sum(high_water) FROM streams') -gt $1 ]]; }

delivered() {
    "$bin/check_delivery" "$@" "$dir/one/root/var/lib/parallax/parallax.db" \
        "$dir"/{one,two,three}/root/var/lib/parallax-agent/spool.db
}

# ---- build ------------------------------------------------------------------------------

PLX_PACKAGE_VERSION=0.0.9 "$repo/deploy/build-packages.sh" "$dir/0.0.9" >"$dir/build.log" 2>&1 &&
    ok "packages of a version before; lintian has nothing to say" ||
    { not_ok "packages of a version before"; cat "$dir/build.log"; }
new=$("$bin/parallax" --version | cut -d' ' -f2)
"$repo/deploy/build-packages.sh" "$dir/$new" >"$dir/build.log" 2>&1 &&
    ok "packages of this version; lintian has nothing to say" ||
    { not_ok "packages of this version"; cat "$dir/build.log"; }

make_base
make_network
for i in 0 1 2; do make_root "${roots[i]}" "10.78.0.$((i + 1))"; done
inventory one >"$dir/before"

# ---- install ----------------------------------------------------------------------------

install_in one 0.0.9 parallax parallax-agent parallax-coordinator ||
    { tail -n 20 "$dir/dpkg-one.log"; not_ok "install"; }
install_in two 0.0.9 parallax-agent
install_in three 0.0.9 parallax-agent
check "the coordinator's folder is its own" [ "$(mode one /var/lib/parallax)" = "700 parallax" ]
check "the agent's folder is its own" \
    [ "$(mode two /var/lib/parallax-agent)" = "700 parallax-agent" ]
check "the units are enabled" test -L \
    "$dir/one/root/etc/systemd/system/multi-user.target.wants/parallax-coordinator.service"
check "completions are where the shells look" test -s \
    "$dir/one/root/usr/share/bash-completion/completions/parallax"

# ---- three regions ----------------------------------------------------------------------

sed -i 's/^# advertise: .*/advertise: 10.78.0.1/' "$dir/one/root/etc/parallax/coordinator.yaml"
start one parallax-coordinator parallax
check "the command finds the coordinator without being told" until_ok 10 p health
regions=(us-east eu-west ap-south)
for i in 0 1 2; do
    token=$(p agents token create --region "${regions[i]}" --quiet 2>/dev/null)
    in_root "${roots[i]}" parallax-agent enroll "$token" >/dev/null
    start "${roots[i]}" parallax-agent parallax-agent
done
check "root enrolled, the agent owns what that left" \
    [ "$(mode two /var/lib/parallax-agent/enrolment.yaml)" = "600 parallax-agent" ]
printf 'name: watched\nhost: 10.78.0.1\nport: 7440\ncheck_interval: 1s\ntimeout: 900ms\nlocations: [all]\n' |
    p apply -f - >/dev/null
check "a status with three regions" until_ok 20 views_up

# ---- upgrade ----------------------------------------------------------------------------

before=$(sql 'SELECT sum(high_water) FROM streams')
for name in three two one; do
    packages=(parallax-agent)
    [[ $name != one ]] || packages=(parallax parallax-agent parallax-coordinator)
    install_in "$name" "$new" "${packages[@]}" || { tail -n 20 "$dir/dpkg-$name.log"; not_ok "upgrade $name"; }
done
# What postinst does where systemd runs: the agents go on while the coordinator is away.
stop parallax-coordinator-one
start one parallax-coordinator parallax
for name in "${roots[@]}"; do
    stop "parallax-agent-$name"
    start "$name" parallax-agent parallax-agent
done
check "the version is the new one" [ "$(p version)" = "parallax $new" ]
check "three regions after the upgrade" until_ok 30 views_up
check "the changed configuration file is kept" \
    grep -q '^advertise: 10.78.0.1' "$dir/one/root/etc/parallax/coordinator.yaml"
check "results go on" until_ok 10 results_beyond "$before"
# Nothing new, so that what is under way can arrive.
p monitors pause watched >/dev/null
until_ok 20 delivered --drained || true
if out=$(delivered --drained 2>&1); then
    ok "no result lost: $out"
else
    not_ok "no result lost"
    printf '%s\n' "$out"
fi
check "and no gap" [ "$(sql 'SELECT count(*) FROM gaps')" = 0 ]

# ---- remove and purge -------------------------------------------------------------------

for name in "${roots[@]}"; do stop "parallax-agent-$name"; done
stop parallax-coordinator-one
in_root one dpkg --remove parallax parallax-agent parallax-coordinator >>"$dir/dpkg-one.log" 2>&1
check "removed: the programs are gone" test ! -e "$dir/one/root/usr/bin/parallax-coordinator"
check "removed: the data is there" test -s "$dir/one/root/var/lib/parallax/parallax.db"
check "removed: the configuration is there" test -s "$dir/one/root/etc/parallax/agent.yaml"
in_root one dpkg --purge parallax parallax-agent parallax-coordinator >>"$dir/dpkg-one.log" 2>&1
inventory one >"$dir/after"
if diff "$dir/before" "$dir/after"; then ok "purged: nothing is left"; else not_ok "purge"; fi

check_report
