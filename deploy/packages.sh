#!/usr/bin/env bash
# The one list of the Debian packages that Parallax is built with, runs on and is tested
# with. Source it for its functions, or run it:
#
#   deploy/packages.sh list    GROUP…    print the packages
#   deploy/packages.sh missing GROUP…    print those not installed; exit 1 if there are any
#   deploy/packages.sh install GROUP…    install what is missing; calls no package manager
#                                        at all (and needs no root) if nothing is
#
# GROUP is build, package, run, demo or test; each names only what the others do not. In a
# list "a|b" means that either will do and that a is installed if neither is there.

plx_packages_build=(
    build-essential cmake ninja-build pkg-config git ca-certificates
    libzmq3-dev libprotobuf-c-dev protobuf-c-compiler libsqlite3-dev libsodium-dev
    libjansson-dev libyaml-dev libc-ares-dev libpcre2-dev uthash-dev libcmocka-dev
    libmicrohttpd-dev zlib1g-dev libcurl4-openssl-dev liburing-dev libncurses-dev
)

# What makes and checks the Debian packages, beside what builds the programs.
plx_packages_package=(scdoc dpkg-dev file lintian debootstrap man-db)

plx_packages_run=(
    ca-certificates libzmq5 libprotobuf-c1 libsqlite3-0 libsodium23 libjansson4
    libyaml-0-2 libc-ares2 libpcre2-8-0 libmicrohttpd12 zlib1g
    libcurl4 liburing2 libncursesw6 tzdata
)

# What the quickstart watches if the machine has nothing of its own to watch.
plx_packages_demo=(redis-server)

# The services are for the network lab, which runs its own copies with its own folders; the
# clusters and daemons that Debian sets up beside them are not used. exim4-daemon-heavy
# counts as well because installing the light one would remove it. chromium and npm are for
# the dashboard's test; a nodejs that is not Debian's brings an npm of its own.
plx_packages_test=(
    postgresql redis-server openssh-server openssh-client
    'exim4-daemon-light|exim4-daemon-heavy'
    vsftpd dovecot-imapd dovecot-pop3d mariadb-server memcached slapd mosquitto nats-server
    beanstalkd rabbitmq-server kamailio openssl
    nftables iproute2 tcpdump util-linux 'mawk|gawk'
    prometheus-alertmanager python3-jsonschema
    sqlite3 jq curl python3 shellcheck procps systemd
    clang clang-format-14 libclang-rt-14-dev
    chromium 'npm|nodejs' prometheus python3-yaml ansible-core
)

plx_packages_group() {
    case $1 in
    build) printf '%s\n' "${plx_packages_build[@]}" ;;
    package) printf '%s\n' "${plx_packages_package[@]}" ;;
    run) printf '%s\n' "${plx_packages_run[@]}" ;;
    demo) printf '%s\n' "${plx_packages_demo[@]}" ;;
    test) printf '%s\n' "${plx_packages_test[@]}" ;;
    *)
        printf 'packages: no group "%s" (build, package, run, demo, test)\n' "$1" >&2
        return 2
        ;;
    esac
}

# plx_packages_list GROUP…: every package once.
plx_packages_list() {
    local group all=''
    for group; do
        all+=$(plx_packages_group "$group")$'\n' || return
    done
    printf %s "$all" | awk '!seen[$0]++'
}

# plx_packages_missing GROUP…: those not installed, by the name to install. One question to
# the package database for all of them; it complains about names it never heard of.
plx_packages_missing() {
    local wanted installed entry
    wanted=$(plx_packages_list "$@") || return
    # shellcheck disable=SC2016,SC2046 # the ${…} are dpkg's; the names are words
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' \
        $(tr '|' '\n' <<<"$wanted") 2>/dev/null | sed -n 's/^installed //p')
    while read -r entry; do
        grep -qxF -f <(tr '|' '\n' <<<"$entry") <<<"$installed" || printf '%s\n' "${entry%%|*}"
    done <<<"$wanted"
}

# plx_packages_ensure GROUP…: 0 once everything is installed.
plx_packages_ensure() {
    local missing names as_root=()
    if ! command -v dpkg-query >/dev/null; then
        printf 'packages: this is not Debian; install what corresponds to: %s\n' \
            "$(plx_packages_list "$@" | xargs)" >&2
        return 1
    fi
    missing=$(plx_packages_missing "$@") || return
    [[ -n $missing ]] || return 0
    mapfile -t names <<<"$missing"
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo >/dev/null; then
            printf 'packages: missing. As root, run:\n  apt-get install --no-install-recommends %s\n' \
                "${names[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    printf 'packages: installing %s\n' "${names[*]}"
    # Only refresh the lists if they do not know the packages: it is slow, and it fails
    # where there is no network but a filled cache.
    if ! apt-cache show -- "${names[@]}" >/dev/null 2>&1; then
        "${as_root[@]}" apt-get update -qq || return
    fi
    plx_packages_apt_install || {
        "${as_root[@]}" apt-get update -qq && plx_packages_apt_install
    }
}

# Reads names and as_root of its caller. --no-install-recommends: a mail server recommends
# half a desktop. The lock: a machine that has just booted may still be updating itself.
plx_packages_apt_install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${names[@]}"
}

plx_packages_main() {
    local command=${1-} missing
    shift || true
    [[ $# -gt 0 ]] || command=help
    case $command in
    list) plx_packages_list "$@" ;;
    missing)
        missing=$(plx_packages_missing "$@") || return
        [[ -z $missing ]] || {
            printf '%s\n' "$missing"
            return 1
        }
        ;;
    install) plx_packages_ensure "$@" ;;
    *)
        printf 'usage: packages.sh list|missing|install build|package|run|demo|test …\n' >&2
        return 2
        ;;
    esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    plx_packages_main "$@"
fi
