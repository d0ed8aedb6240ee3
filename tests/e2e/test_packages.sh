#!/usr/bin/env bash
# The Debian packages in three roots of bare Debian 12: docs/TUTORIAL.md is followed word for
# word from the installation to the purge, with the packages of a version before first, so
# that its upgrade is one, under traffic, and loses nothing.
#
#   test_packages.sh BIN_DIR [COMMIT]
#
# The version before is this tree's packages under a lower number, or has the programs of
# COMMIT (which takes a whole build). Needs root. The bare Debian 12 is made once by debootstrap,
# kept in build/chroot/base and never written to: every root is an overlay with a network
# namespace. systemd does not run in the roots: in its place systemctl_stand_in.sh runs the
# units' ExecStart as the units' users, for the maintainer scripts and for the tutorial.
set -euo pipefail

bin=$(cd "$1" && pwd)
commit=${2-}
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=deploy/packages.sh
. "$repo/deploy/packages.sh"
plx_packages_ensure package
base=$repo/build/chroot/base
dir=$(mktemp -d /tmp/plx-packages-XXXXXX)
ns=plxpkg$$
roots=(hub nyc sin)
# What the tutorial's stand-ins need of this script.
export bin repo dir ns

cleanup() {
    local name
    set +e
    for name in "${roots[@]}"; do
        ip netns pids "$ns-$name" 2>/dev/null | xargs -r kill
        ip netns del "$ns-$name" 2>/dev/null
    done
    sleep 0.5
    for name in "${roots[@]}"; do
        umount "$dir/$name/root/proc" "$dir/$name/root" 2>/dev/null ||
            umount -l "$dir/$name/root/proc" "$dir/$name/root" 2>/dev/null
    done
    ip netns del "$ns-hub-switch" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

# Nothing is to survive a power cut: dpkg need not wait for the disk at every file.
make_base() {
    [[ -e $base/.complete ]] && return
    rm -rf "$base" && mkdir -p "$base/etc/dpkg/dpkg.cfg.d"
    echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/unsafe-io"
    debootstrap --variant=minbase \
        --include="$(plx_packages_list run | paste -sd,),systemd,passwd" \
        bookworm "$base" >"$dir/debootstrap.log" 2>&1 ||
        { tail -n 5 "$dir/debootstrap.log"; return 1; }
    touch "$base/.complete"
}

make_network() {
    ip netns add "$ns-hub-switch"
    ip -n "$ns-hub-switch" link add bridge type bridge
    ip -n "$ns-hub-switch" link set bridge up
}

# make_root NAME ADDRESS: an overlay and a network of its own, joined to the others', with
# the tutorial's names and something in systemctl's place.
make_root() {
    local d=$dir/$1
    mkdir -p "$d"/{upper,work,root}
    mount -t overlay "$ns-$1" "$d/root" \
        -o "lowerdir=$base,upperdir=$d/upper,workdir=$d/work"
    mount -t proc proc "$d/root/proc"
    mv "$d/root/usr/bin/systemctl" "$d/root/usr/bin/systemctl.real"
    install -m 755 "$repo/tests/lib/systemctl_stand_in.sh" "$d/root/usr/bin/systemctl"
    mkdir -p "$d/root/run/systemd/system" "$d/root/run/stand-in"
    cp "$dir/hosts" "$d/root/etc/hosts"
    ip netns add "$ns-$1"
    ip link add eth0 netns "$ns-$1" type veth peer name "$1" netns "$ns-hub-switch"
    ip -n "$ns-hub-switch" link set "$1" master bridge up
    ip -n "$ns-$1" addr add "$2/24" dev eth0
    ip -n "$ns-$1" link set eth0 up
    ip -n "$ns-$1" link set lo up
}

# shell_in NAME: the command of a login shell in a root, as a tutorial's machine.
shell_in() {
    echo "ip netns exec $ns-$1 chroot $dir/$1/root" \
        "env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        "LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash"
}

p() { ip netns exec "$ns-hub" chroot "$dir/hub/root" parallax "$@"; }

# What a root holds beside the package manager's own books and the visitor's home.
inventory() {
    (cd "$dir/$1/root" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./root \
        -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/log -o -path ./var/cache \
        -o -path './etc/*-' \) -prune -o -print | sort)
    sort "$dir/$1/root/etc/passwd"
}

# mode NAME PATH: permissions and owner, by the root's own names.
mode() {
    local owner
    owner=$(stat -c %u "$dir/$1/root$2")
    stat -c %a "$dir/$1/root$2" | tr '\n' ' '
    awk -F: -v id="$owner" '$3 == id {print $1}' "$dir/$1/root/etc/passwd"
}

# runs_as NAME PROGRAM USER: it runs there as that user.
runs_as() {
    local pid
    for pid in $(ip netns pids "$ns-$1"); do
        [[ $(readlink "/proc/$pid/exe") == */usr/bin/$2 ]] || continue
        [[ $(stat -c %u "/proc/$pid") == $(awk -F: -v n="$3" '$1 == n {print $3}' \
            "$dir/$1/root/etc/passwd") ]] && return 0
    done
    return 1
}

sql() { sqlite3 "$dir/hub/root/var/lib/parallax/parallax.db" "$1"; }

delivered() {
    "$bin/check_delivery" "$@" "$dir/hub/root/var/lib/parallax/parallax.db" \
        "$dir"/{hub,nyc,sin}/root/var/lib/parallax-agent/spool.db
}

# ---- what the tutorial leaves to this test ------------------------------------------------

# copy VERSION: the packages to root's home of each machine.
copy() {
    local name
    for name in hub nyc sin; do cp "$dir/$1"/parallax*.deb "$dir/$name/root/root/"; done
}

copy_tokens() {
    local name
    for name in nyc sin; do cp "$dir/hub/root/root/$name.token" "$dir/$name/root/root/"; done
}

# Before the upgrade: what the installation left; and the newer packages.
copy_new_packages() {
    check "the coordinator's folder is its own" [ "$(mode hub /var/lib/parallax)" = "700 parallax" ]
    check "the agent's folder is its own" \
        [ "$(mode nyc /var/lib/parallax-agent)" = "700 parallax-agent" ]
    check "root enrolled, the agent owns what that left" \
        [ "$(mode nyc /var/lib/parallax-agent/enrolment.yaml)" = "600 parallax-agent" ]
    check "the coordinator runs as its user" runs_as hub parallax-coordinator parallax
    check "the agent runs as its user" runs_as nyc parallax-agent parallax-agent
    check "the units are enabled" test -L \
        "$dir/hub/root/etc/systemd/system/multi-user.target.wants/parallax-coordinator.service"
    check "completions are where the shells look" test -s \
        "$dir/hub/root/usr/share/bash-completion/completions/parallax"
    check "results were stored" [ "$(sql 'SELECT sum(high_water) FROM streams')" -gt 0 ]
    sql 'SELECT sum(high_water) FROM streams' >"$dir/before_upgrade"
    copy "$(cat "$dir/new")"
    check_report
}

results_beyond() { [[ $(sql 'SELECT sum(high_water) FROM streams') -gt $1 ]]; }

# After it: nothing new is probed, so that what is under way can arrive and be counted.
look_at_results() {
    check "the version is the new one" [ "$(p version)" = "parallax $(cat "$dir/new")" ]
    check "the changed configuration file is kept" \
        grep -q '^advertise: hub.example.net' "$dir/hub/root/etc/parallax/coordinator.yaml"
    check "results went on" until_ok 10 results_beyond "$(cat "$dir/before_upgrade")"
    p monitors pause echo "telnet stays closed" >/dev/null
    until_ok 20 delivered --drained || true
    check "no result lost" delivered --drained
    check "and no gap" [ "$(sql 'SELECT count(*) FROM gaps')" = 0 ]
    check_report
}
export -f copy copy_tokens copy_new_packages look_at_results mode runs_as sql delivered p \
    until_ok results_beyond check ok not_ok check_report
export CHECKS_PASSED CHECKS_FAILED

# ---- build ------------------------------------------------------------------------------

# build FOLDER VERSION REPOSITORY
build() {
    PLX_PACKAGE_VERSION=$2 "$3/deploy/build-packages.sh" "$dir/$1" >"$dir/build.log" 2>&1 &&
        ok "packages $2; lintian has nothing to say" ||
        { not_ok "packages $2"; tail -n 30 "$dir/build.log"; }
}

# relabel NEW: the same packages as those of the version before.
relabel() {
    local deb
    mkdir "$dir/old"
    for deb in "$dir/$1"/parallax*.deb; do
        rm -rf "$dir/opened"
        dpkg-deb --raw-extract "$deb" "$dir/opened"
        sed -i "s/^Version: .*/Version: 0.0.9/" "$dir/opened/DEBIAN/control"
        dpkg-deb -Znone --build "$dir/opened" "$dir/old" >/dev/null
    done
    rm -rf "$dir/opened"
}

build_old() {
    git clone --quiet --shared --no-checkout "$repo" "$dir/source"
    git -C "$dir/source" checkout --quiet "$commit"
    build old 0.0.9 "$dir/source"
}

"$bin/parallax" --version | cut -d' ' -f2 >"$dir/new"
new=$(cat "$dir/new")
make_base &
making=$!
build "$new" "$new" "$repo"
if [[ -n $commit ]]; then build_old; else relabel "$new"; fi
wait "$making"
make_network
printf '127.0.0.1 localhost\n10.78.0.1 hub.example.net\n10.78.0.2 nyc.example.net\n10.78.0.3 sin.example.net\n' >"$dir/hosts"
for i in 0 1 2; do
    make_root "${roots[i]}" "10.78.0.$((i + 1))"
    inventory "${roots[i]}" >"$dir/${roots[i]}.before"
done

# ---- the tutorial -----------------------------------------------------------------------

check "the tutorial, word for word" "$repo/tests/lib/doc_run.py" "$repo/docs/TUTORIAL.md" \
    --machine "hub=$(shell_in hub)" --machine "nyc=$(shell_in nyc)" --machine "sin=$(shell_in sin)" \
    --stand-in build=true --stand-in copy_packages="bash -c 'copy old'" \
    --stand-in copy_tokens="bash -c copy_tokens" \
    --stand-in copy_new_packages="bash -c copy_new_packages" \
    --stand-in look_at_results="bash -c look_at_results"

for name in "${roots[@]}"; do
    inventory "$name" >"$dir/$name.after"
    check "purged: nothing is left on $name" diff "$dir/$name.before" "$dir/$name.after"
    check "and nothing runs on $name" [ -z "$(ip netns pids "$ns-$name")" ]
done

check_report
