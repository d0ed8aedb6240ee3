#!/usr/bin/env bash
# From a fresh clone to a true answer on one machine: installs what is missing, builds,
# starts a coordinator and an agent in each of three regions as ordinary processes under a
# data folder, applies deploy/examples/monitors.yaml and shows the status.
#
#   deploy/quickstart.sh            set up and start (run again: shows the status)
#   deploy/quickstart.sh --stop     end exactly what it started; the data stays
#   deploy/quickstart.sh --status   the status table
#   eval "$(deploy/quickstart.sh --env)"    so that `parallax` in this shell means its own
#
# Environment: PLX_QUICKSTART_DIR   the data folder (default: data/ in this clone)
#              PLX_BUILD_DIR        the build folder (default: build/release)
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=${PLX_QUICKSTART_DIR:-$repo/data}
build=${PLX_BUILD_DIR:-$repo/build/release}
bin=$build/bin
regions=(us-east eu-west ap-south)
monitors=$repo/deploy/examples/monitors.yaml

say() {
    if [[ -t 1 ]]; then printf '\033[1m==>\033[0m %s\n' "$*"; else printf '==> %s\n' "$*"; fi
}
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }
parallax() { "$bin/parallax" --data-dir "$data/coordinator" "$@"; }

# pid files -------------------------------------------------------------------------------

# birth PID: when the process began, in clock ticks after the boot: with the pid, its
# identity. (The command's own name may hold spaces, hence the cut at the last ')'.)
birth() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    awk '{print $20}' <<<"${stat##*) }"
}

# is_ours NAME: the process of data/NAME.pid lives and is the one we started.
is_ours() {
    local pid born
    [[ -r $data/$1.pid ]] || return 1
    read -r pid born <"$data/$1.pid" || return 1
    [[ -n $born && $(birth "$pid") == "$born" ]]
}

# start NAME PROGRAM ARG…: in the background, its words in data/NAME.log.
start() {
    local name=$1
    shift
    nohup "$@" >>"$data/$name.log" 2>&1 </dev/null &
    echo "$! $(birth $!)" >"$data/$name.pid"
}

stop_one() {
    local pid
    if is_ours "$1"; then
        read -r pid _ <"$data/$1.pid"
        kill -TERM "$pid" 2>/dev/null || true
        for _ in $(seq 100); do
            [[ -e /proc/$pid ]] || break
            sleep 0.1
        done
        if [[ -e /proc/$pid ]]; then
            printf 'quickstart: %s (pid %s) does not leave, killing it\n' "$1" "$pid" >&2
            kill -KILL "$pid" 2>/dev/null || true
        fi
        say "stopped $1"
    fi
    rm -f "$data/$1.pid"
}

stop_all() {
    local region
    for region in "${regions[@]}"; do stop_one "agent-$region"; done
    stop_one coordinator
    stop_one redis
}

# steps -----------------------------------------------------------------------------------

install_and_build() {
    # shellcheck source=deploy/packages.sh
    source "$repo/deploy/packages.sh"
    plx_packages_ensure build demo
    say "building in $build"
    if [[ ! -f $build/build.ninja ]]; then
        cmake -S "$repo" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
    fi
    cmake --build "$build" --target parallax parallax-agent parallax-coordinator |
        tail -n 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A real service for the example: the machine's own Redis, or one we start.
ensure_redis() {
    if listening 6379; then
        return
    fi
    say "starting a Redis server on 127.0.0.1:6379 (none was there)"
    mkdir -p "$data/redis"
    start redis redis-server --bind 127.0.0.1 --port 6379 --dir "$data/redis" --save ''
}

# wait_for SECONDS COMMAND…: until COMMAND succeeds.
wait_for() {
    local tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

start_coordinator() {
    is_ours coordinator && return
    say "starting the coordinator (agents on 7440, enrolment on 7441, admin on 7442, dashboard on 7480)"
    start coordinator "$bin/parallax-coordinator" run --data-dir "$data/coordinator" \
        --advertise 127.0.0.1
    if ! wait_for 30 parallax health || ! is_ours coordinator; then
        tail -n 5 "$data/coordinator.log" >&2
        die "the coordinator did not start; its log is $data/coordinator.log"
    fi
}

# ensure_user: where there is no user yet, one with a random password, which is shown this
# once and kept nowhere.
ensure_user() {
    local users
    users=$(parallax users list --output json)
    [[ $users != *'"role"'* ]] || return 0
    first_password=$(head -c 15 /dev/urandom | base64 | tr '+/' 'xy')
    parallax users put admin --role admin <<<"$first_password" >/dev/null
}

start_agent() {
    local region=$1 dir=$data/agent-$1 token
    is_ours "agent-$region" && return
    mkdir -p "$dir"
    if [[ ! -f $dir/enrolment.yaml ]]; then
        token=$(parallax agents token create --region "$region" --ttl 10m --quiet)
        "$bin/parallax-agent" enroll "$token" --data-dir "$dir" --name "$region-1"
    fi
    start "agent-$region" "$bin/parallax-agent" run --data-dir "$dir"
}

# status answers 1 or 3 while not all is up, so its exit code says nothing here.
all_judged() {
    local status
    status=$(parallax status --output json || true)
    [[ $status == *'"verdict"'* ]] && ! grep -qE '"(pending|inconclusive)"' <<<"$status"
}

next_steps() {
    cat <<TXT

Try next, after:  eval "\$(deploy/quickstart.sh --env)"
  parallax status redis              what each location sees
  parallax explain redis             why the verdict is what it is
  parallax check 127.0.0.1:22        one probe from all locations, now
  parallax agents list               the vantage points
  parallax apply -f FILE --dry-run   what a monitors file would change

The dashboard: http://127.0.0.1:7480/
TXT
    if [[ -n ${first_password-} ]]; then
        echo "  log in as admin with the password $first_password (shown this once)"
    else
        echo "  a forgotten password: parallax users put admin --role admin"
    fi
    cat <<TXT
Stop the Redis server and look at the status or the dashboard again. End all of it: deploy/quickstart.sh --stop
TXT
}

show_status() {
    local code=0
    parallax status || code=$?
    [[ $code -le 3 ]] || return $code
}

main() {
    case ${1-} in
    --stop) stop_all; exit 0 ;;
    --status) show_status; exit 0 ;;
    --env)
        printf 'export PATH=%q:$PATH PARALLAX_ADMIN=%q\n' "$bin" "$data/coordinator/admin.yaml"
        exit 0 ;;
    --help | -h) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    '') ;;
    *) die "unknown option '$1' (--stop, --status, --env, --help)" ;;
    esac
    install_and_build
    mkdir -p "$data"
    chmod 700 "$data"
    local began=$SECONDS region
    ensure_redis
    mkdir -p "$data/coordinator"
    start_coordinator
    ensure_user
    for region in "${regions[@]}"; do start_agent "$region"; done
    say "applying $monitors"
    parallax apply -f "$monitors"
    say "waiting for the first verdicts"
    wait_for 25 all_judged || say "some monitors have no verdict yet"
    say "up after $((SECONDS - began)) s; data and logs in $data"
    next_steps
    echo
    show_status
}

main "$@"
