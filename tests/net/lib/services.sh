# shellcheck shell=bash
# The real services, one on each host, with everything they write below $PLX_LAB_DIR.
#
# None of them touches the machine's own clusters, configuration or ports: they listen only
# inside their host's namespace. A service is stopped by the pid it was started with, after
# checking that this pid is still the same process.

SERVICES=(postgresql redis ssh smtp)

is_service() { is_one_of "$1" "${SERVICES[@]}"; }

service_host() {
    case $1 in
    postgresql) printf db ;;
    redis) printf cache ;;
    ssh) printf bastion ;;
    smtp) printf mail ;;
    esac
}

service_port() {
    case $1 in
    postgresql) printf 5432 ;;
    redis) printf 6379 ;;
    ssh) printf 22 ;;
    smtp) printf 25 ;;
    esac
}

service_of_host() {
    local s
    for s in "${SERVICES[@]}"; do
        [[ $(service_host "$s") != "$1" ]] || printf %s "$s"
    done
}

pg_bin() {
    local dirs=(/usr/lib/postgresql/*/bin)
    printf '%s\n' "${dirs[@]}" | sort -V | tail -n 1
}

# proc_start PID: when it was started, in kernel ticks. With the pid it names one process
# for good, even after the pid is used again. Field 22; the name in field 2 may hold spaces.
proc_start() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    stat=${stat##*) }
    awk '{ print $20 }' <<<"$stat"
}

# pid_save NAME PID, pid_load NAME: prints the pid if that very process is alive.
pid_save() { printf '%s %s\n' "$2" "$(proc_start "$2")" >"$PLX_LAB_DIR/run/$1.pid"; }
pid_load() {
    local pid start
    read -r pid start 2>/dev/null <"$PLX_LAB_DIR/run/$1.pid" || return 1
    [[ $(proc_start "$pid") == "$start" ]] || return 1
    # A zombie has ended; it only waits for whoever should collect it.
    ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null || return 1
    printf %s "$pid"
}

# spawn NAME NODE CMD…: a process in the background that outlives this script. `setsid`,
# `ip netns exec` and `setpriv` replace one another in place, so $! is the pid of CMD.
spawn() {
    local name=$1 node=$2
    shift 2
    setsid ip netns exec "$(ns_of "$node")" "$@" \
        </dev/null >>"$PLX_LAB_DIR/log/$name.log" 2>&1 9>&- &
    pid_save "$name" "$!"
}

# end_process NAME SIGNAL: ask, wait up to 5 s, then insist.
end_process() {
    local pid i
    pid=$(pid_load "$1") || {
        rm -f "$PLX_LAB_DIR/run/$1.pid"
        return 0
    }
    # It may end of itself, or of the first of them.
    kill "-$2" "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        pid_load "$1" >/dev/null || break
        sleep 0.05
    done
    if pid=$(pid_load "$1"); then kill -KILL "$pid" 2>/dev/null || true; fi
    rm -f "$PLX_LAB_DIR/run/$1.pid"
}

# as_user USER: the words that make the command behind them run as this user.
as_user() { printf 'setpriv --reuid=%s --regid=%s --init-groups' "$1" "$(id -g "$1")"; }

# The prepare_* functions run once for each `up` and write the configuration.
prepare_postgresql() {
    local dir=$PLX_LAB_DIR/postgresql
    install -d -o postgres -g "$(id -g postgres)" -m 700 "$dir"
    # shellcheck disable=SC2046 # here and below: as_user is several words
    $(as_user postgres) test -x "$PLX_LAB_DIR" ||
        die "user postgres cannot enter $PLX_LAB_DIR; set PLX_LAB_DIR to a folder it can reach"
    # In its namespace, so that `down` finds it should this script be killed meanwhile.
    (cd / && in_ns db $(as_user postgres) "$(pg_bin)/initdb" --pgdata="$dir/data" --no-sync \
        --auth=trust --locale=C --encoding=UTF8 >"$PLX_LAB_DIR/log/initdb.log" 2>&1) ||
        die "initdb failed, see $PLX_LAB_DIR/log/initdb.log"
    cat >>"$dir/data/pg_hba.conf" <<EOF
host all all 10.77.0.0/16 trust
host all all fd77::/16 trust
EOF
    # log_connections: whether a probe left a trace in the server's log is a thing to test.
    cat >>"$dir/data/postgresql.conf" <<EOF
listen_addresses = '*'
port = $(service_port postgresql)
unix_socket_directories = '$dir'
fsync = off
shared_buffers = 16MB
log_connections = on
log_line_prefix = '%m %h '
EOF
}

prepare_redis() {
    install -d -o redis -g "$(id -g redis)" -m 700 "$PLX_LAB_DIR/redis"
    cat >"$PLX_LAB_DIR/redis/redis.conf" <<EOF
bind * -::*
port $(service_port redis)
protected-mode no
daemonize no
dir $PLX_LAB_DIR/redis
save ""
EOF
    chown redis "$PLX_LAB_DIR/redis/redis.conf"
}

prepare_ssh() {
    local dir=$PLX_LAB_DIR/ssh
    install -d -m 700 "$dir"
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$dir/host_key"
    cat >"$dir/sshd_config" <<EOF
Port $(service_port ssh)
HostKey $dir/host_key
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication no
PermitRootLogin no
LogLevel VERBOSE
EOF
}

# Mail is accepted for anybody and ends in one mbox file, so that a test can read what an
# alert by e-mail looks like.
prepare_smtp() {
    local dir=$PLX_LAB_DIR/smtp
    install -d -o Debian-exim -g "$(id -g Debian-exim)" -m 750 "$dir" "$dir/spool" "$dir/log"
    cat >"$dir/exim.conf" <<EOF
primary_hostname = mail.lab
spool_directory = $dir/spool
log_file_path = $dir/log/%slog
pid_file_path = $dir/spool/exim.pid
daemon_smtp_ports = $(service_port smtp)
local_interfaces = <; 0.0.0.0 ; ::0
disable_ipv6 = false
keep_environment =
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
smtp_accept_max = 100
deliver_drop_privilege = true
acl_smtp_rcpt = acl_rcpt
begin acl
acl_rcpt:
  accept
begin routers
everybody:
  driver = accept
  transport = mbox
begin transports
mbox:
  driver = appendfile
  file = $dir/mbox
  user = Debian-exim
EOF
}

run_service() {
    local dir=$PLX_LAB_DIR/$1 host
    host=$(service_host "$1")
    case $1 in
    postgresql)
        # shellcheck disable=SC2046
        spawn "$1" "$host" $(as_user postgres) "$(pg_bin)/postgres" -D "$dir/data"
        ;;
    redis)
        # shellcheck disable=SC2046
        spawn "$1" "$host" $(as_user redis) redis-server "$dir/redis.conf"
        ;;
    # sshd insists on /run/sshd. The mounts that `ip netns exec` gives a process are its
    # own, so a /run of its own does no harm to the machine's.
    ssh)
        # shellcheck disable=SC2016 # $1 belongs to the inner shell
        spawn "$1" "$host" sh -c 'mount -t tmpfs -o mode=755,size=1m tmpfs /run &&
            mkdir /run/sshd && exec "$(command -v sshd)" -D -e -f "$1"' sh "$dir/sshd_config"
        ;;
    smtp) spawn "$1" "$host" exim4 -C "$dir/exim.conf" -bdf -q1h ;;
    esac
}

service_listens() {
    [[ -n $(in_ns "$(service_host "$1")" ss -Hltn "sport = :$(service_port "$1")") ]]
}

service_start() {
    local i
    if pid_load "$1" >/dev/null; then return; fi
    if [[ ! -f $PLX_LAB_DIR/run/$1.prepared ]]; then
        rm -rf -- "${PLX_LAB_DIR:?}/$1" # half of a prepare that was killed
        "prepare_$1"
        : >"$PLX_LAB_DIR/run/$1.prepared"
    fi
    run_service "$1"
    for ((i = 0; i < 200; i++)); do
        service_listens "$1" && return
        pid_load "$1" >/dev/null || break
        sleep 0.05
    done
    tail -n 5 "$PLX_LAB_DIR/log/$1.log" >&2 || true
    die "$1 did not start, see $PLX_LAB_DIR/log/$1.log"
}

# PostgreSQL ends at once on INT; on TERM it would wait for its clients.
service_stop() {
    local signal=TERM
    [[ $1 != postgresql ]] || signal=INT
    end_process "$1" "$signal"
}

service_signal() {
    local pid
    pid=$(pid_load "$1") || die "$1 is not running"
    kill "-$2" "$pid"
}

service_state() {
    local pid
    if ! pid=$(pid_load "$1"); then
        printf stopped
    elif grep -q '^State:.T' "/proc/$pid/status"; then
        printf 'frozen (pid %s)' "$pid"
    else
        printf 'running (pid %s)' "$pid"
    fi
}

# service start|stop|restart|freeze|thaw|status NAME…|all
service_command() {
    local action=${1-} name names=()
    shift || true
    names=("$@")
    [[ ${1-all} != all ]] || names=("${SERVICES[@]}")
    for name in "${names[@]}"; do
        is_service "$name" || die "no service \"$name\": ${SERVICES[*]}"
        case $action in
        start) service_start "$name" ;;
        stop) service_stop "$name" ;;
        restart)
            service_stop "$name"
            service_start "$name"
            ;;
        # A frozen process still has a kernel that completes handshakes for it.
        freeze) service_signal "$name" STOP ;;
        thaw) service_signal "$name" CONT ;;
        status) ;;
        *) die "service start|stop|restart|freeze|thaw|status NAME (not \"$action\")" ;;
        esac
        say "$name: $(service_state "$name")"
    done
}
