#!/usr/bin/env bash
# Greetings against the real servers that Debian packages, each as a plain process on the
# loopback with its own folder: healthy, frozen, another service on the port, nobody there.
# A healthy server has nothing alarming in its log afterwards. Then through a coordinator
# and an agent: what a server said is shown. As root, because some of the servers insist.
#
#   test_greetings.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$here/../lib/ports.sh"
dir=$(mktemp -d /tmp/plx-greetings-XXXXXX)
chmod 755 "$dir"
declare -A group=() port=() log=()
names=()
pids=()

cleanup() {
    local name pid
    for name in "${!group[@]}"; do
        kill -CONT -- "-${group[$name]}" 2>/dev/null || true
        kill -TERM -- "-${group[$name]}" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    sleep 1
    for name in "${!group[@]}"; do kill -KILL -- "-${group[$name]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

# serve PRESET COMMAND…: in a process group of its own, so that all of it can be frozen.
serve() {
    local name=$1
    shift
    names+=("$name")
    log[$name]=$dir/$name.log
    setsid "$@" >>"${log[$name]}" 2>&1 </dev/null &
    group[$name]=$!
}

take_port() { port[$1]=$((base + ${#port[@]})); }
own() { install -d -o "$1" "$2"; }

serve_ssh() {
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$dir/hostkey"
    serve ssh /usr/sbin/sshd -D -e -f /dev/null -h "$dir/hostkey" -p "${port[ssh]}" \
        -o ListenAddress=127.0.0.1 -o PidFile=none
}

serve_smtp() {
    own Debian-exim "$dir/exim"
    cat >"$dir/exim.conf" <<END
daemon_smtp_ports = ${port[smtp]}
local_interfaces = 127.0.0.1
spool_directory = $dir/exim
log_file_path = $dir/exim/%slog
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
keep_environment =
END
    serve smtp exim4 -C "$dir/exim.conf" -bdf -oP "$dir/exim/pid"
    log[smtp]=$dir/exim/mainlog
}

serve_ftp() {
    mkdir "$dir/empty"
    cat >"$dir/vsftpd.conf" <<END
listen=YES
listen_address=127.0.0.1
listen_port=${port[ftp]}
background=NO
secure_chroot_dir=$dir/empty
xferlog_enable=YES
vsftpd_log_file=$dir/ftp.log
END
    serve ftp vsftpd "$dir/vsftpd.conf"
}

serve_imap_and_pop3() {
    cat >"$dir/dovecot.conf" <<END
base_dir=$dir/dovecot
state_dir=$dir/dovecot-state
protocols=imap pop3
listen=127.0.0.1
ssl=no
log_path=$dir/imap.log
default_internal_user=nobody
default_login_user=nobody
default_internal_group=nogroup
service imap-login {
  inet_listener imap {
    port=${port[imap]}
  }
  inet_listener imaps {
    port=0
  }
}
service pop3-login {
  inet_listener pop3 {
    port=${port[pop3]}
  }
  inet_listener pop3s {
    port=0
  }
}
passdb {
  driver=static
  args=nopassword=y
}
userdb {
  driver=static
  args=uid=nobody gid=nogroup home=/nonexistent
}
END
    serve imap dovecot -F -c "$dir/dovecot.conf"
    names+=(pop3)
    group[pop3]=${group[imap]}
    log[pop3]=${log[imap]}
}

serve_mysql() {
    own mysql "$dir/mysql"
    mysql_install_db --no-defaults --user=mysql --datadir="$dir/mysql" \
        --auth-root-authentication-method=normal >"$dir/mysql-install.log" 2>&1
    serve mysql mariadbd --no-defaults --user=mysql --datadir="$dir/mysql" \
        --port="${port[mysql]}" --bind-address=127.0.0.1 --socket="$dir/mysql/s" \
        --max-connect-errors=5 --skip-name-resolve=OFF
}

serve_postgresql() {
    local pg
    pg=$(find /usr/lib/postgresql -path '*/bin/postgres' | sort -V | tail -n 1)
    own postgres "$dir/pg"
    runuser -u postgres -- "${pg%/*}/initdb" -D "$dir/pg" -A trust >"$dir/pg-init.log" 2>&1
    openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=probe \
        -keyout "$dir/pg/server.key" -out "$dir/pg/server.crt" 2>/dev/null
    chown postgres "$dir/pg/server.key" "$dir/pg/server.crt"
    chmod 600 "$dir/pg/server.key"
    serve postgresql runuser -u postgres -- "$pg" -D "$dir/pg" -p "${port[postgresql]}" \
        -k "$dir/pg" -c ssl=on -c listen_addresses=127.0.0.1
}

# RabbitMQ is slow to start. Its nodes find one another through epmd: one of our own.
serve_amqp() {
    local epmd=$((base + 60))
    own rabbitmq "$dir/rabbit"
    cat >"$dir/rabbit/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:${port[amqp]}
log.console = true
log.console.level = info
log.file = false
END
    epmd -port "$epmd" -address 127.0.0.1 >"$dir/epmd.log" 2>&1 &
    pids+=($!)
    serve amqp runuser -u rabbitmq -- env -C "$dir/rabbit" HOME="$dir/rabbit" \
        ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="probe$base@localhost" RABBITMQ_DIST_PORT=$((base + 61)) \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        RABBITMQ_MNESIA_BASE="$dir/rabbit/mnesia" RABBITMQ_LOG_BASE="$dir/rabbit/log" \
        RABBITMQ_CONFIG_FILE="$dir/rabbit/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$dir/rabbit/plugins" RABBITMQ_PID_FILE="$dir/rabbit/pid" \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

serve_sip() {
    cat >"$dir/kamailio.cfg" <<END
#!KAMAILIO
debug=2
log_stderror=yes
children=1
auto_aliases=no
listen=tcp:127.0.0.1:${port[sip]}
mpath="$(dirname "$(find /usr/lib -path '*/kamailio/modules/sl.so')")/"
loadmodule "pv.so"
loadmodule "sl.so"
request_route {
    sl_send_reply("200", "OK");
}
END
    serve sip kamailio -f "$dir/kamailio.cfg" -DD -E -Y "$dir" -m 16
}

serve_rest() {
    mkdir "$dir/ldap"
    cat >"$dir/slapd.conf" <<END
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example"
directory $dir/ldap
END
    serve ldap slapd -d 256 -f "$dir/slapd.conf" -h "ldap://127.0.0.1:${port[ldap]}"
    serve redis redis-server --bind 127.0.0.1 --port "${port[redis]}" --save '' --dir "$dir"
    serve memcached memcached -u nobody -l 127.0.0.1 -p "${port[memcached]}" -v
    serve mqtt mosquitto -p "${port[mqtt]}" -v
    serve nats nats-server -a 127.0.0.1 -p "${port[nats]}"
    serve beanstalkd beanstalkd -V -l 127.0.0.1 -p "${port[beanstalkd]}"
}

# probe PRESET TARGET_PRESET [OPTION…]: the evidence of one probe as JSON.
probe() {
    local preset=$1 target=$2
    shift 2
    "$bin/parallax-agent" probe --greeting "$preset" --output json "$@" \
        "127.0.0.1:${port[$target]}" || true
}

# says WHAT EXPECTED JSON: outcome and detail.
says() {
    local got
    got=$(jq -r '.results[0] | "\(.outcome) \(.detail)"' <<<"$3")
    if [[ $got == "$2" ]]; then
        ok "$1: $got $(jq -r '.results[0].excerpt' <<<"$3" | cut -c 1-60)"
    else
        not_ok "$1: $got instead of $2: $3"
    fi
}

await() { # PRESET: until it greets
    local tries=600
    until [[ $(probe "$1" "$1" --timeout 500ms | jq -r '.results[0].outcome') == open ]]; do
        ((tries-- > 0)) || { not_ok "$1 does not start: $(tail -n 5 "${log[$1]}")"; return; }
        sleep 0.1
    done
}

# Words that an operator would look into; MariaDB warns of a login that it refuses.
alarming='error|fail|abort|invalid|violation|unexpected|lost|protocol|denied|could not|EOF'
# RabbitMQ of a client that hangs up before it has logged in.
quiet='Access denied for user .parallax.|no auth attempts|Aborted login by logging out'
quiet+='|client unexpectedly closed TCP connection|closing AMQP connection'

for name in ssh smtp ftp imap pop3 mysql postgresql ldap redis memcached mqtt amqp sip nats beanstalkd; do
    take_port "$name"
done
serve_amqp
serve_sip
serve_ssh
serve_smtp
serve_ftp
serve_imap_and_pop3
serve_mysql
serve_postgresql
serve_rest
# What is slow to start comes last.
mapfile -t names < <(printf '%s\n' "${names[@]:1}" "${names[0]}")

check "each preset has a server here" test \
    "$("$bin/parallax-agent" probe --help | sed -n '/ one of$/{n;p}' | xargs -n 1 | sort | xargs)" \
    = "$(printf '%s\n' "${names[@]}" | sort | xargs)"

for name in "${names[@]}"; do
    await "$name"
    sleep 0.2
    lines=$(wc -l <"${log[$name]}")
    for _ in {1..20}; do says_last=$(probe "$name" "$name"); done
    says "$name, healthy" "open " "$says_last"
    sleep 0.2
    bad=$(tail -n "+$((lines + 1))" "${log[$name]}" | grep -viE "$quiet" | grep -iE "$alarming" || true)
    check "$name: nothing alarming in its log${bad:+: $(head -n 1 <<<"$bad")}" test -z "$bad"
done

# Not the loopback's own address, which MariaDB never shuts out.
sql() { mariadb --no-defaults -uroot -S "$dir/mysql/s" -e "$1"; }
sql "CREATE USER parallax@'127.0.0.5'"
for _ in {1..20}; do last=$(probe mysql mysql --source 127.0.0.5); done
says "mysql, twenty times from an address that 5 errors shut out" "open " "$last"

wrong=(ssh:smtp smtp:ssh ftp:mysql imap:pop3 pop3:imap mysql:ftp postgresql:ssh ldap:ssh
    redis:memcached memcached:redis mqtt:ftp amqp:ssh sip:ssh nats:ssh
    beanstalkd:memcached)
for pair in "${wrong[@]}"; do
    seen=$(probe "${pair%:*}" "${pair#*:}" --timeout 10s)
    outcome=$(jq -r '.results[0].outcome' <<<"$seen")
    check "${pair%:*} finds ${pair#*:} on its port: $outcome, $(jq -r '.results[0].detail' <<<"$seen")" \
        test "$outcome" = mismatch
done

for name in "${names[@]}"; do
    kill -STOP -- "-${group[$name]}"
    says "$name, frozen" "timeout silent" "$(probe "$name" "$name" --timeout 400ms)"
    kill -CONT -- "-${group[$name]}"
done

# Through a coordinator and an agent.
p() { "$bin/parallax" --data-dir "$dir/coordinator" "$@"; }
mkdir "$dir/coordinator"
"$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
    --listen "tcp://127.0.0.1:$((base + 50))" --enrol-listen "tcp://127.0.0.1:$((base + 51))" \
    --admin-listen "tcp://127.0.0.1:$((base + 52))" --http-listen off >"$dir/coordinator.log" 2>&1 &
pids+=($!)
until_ok 30 p health || { cat "$dir/coordinator.log"; exit 1; }
token=$(p agents token create --region fra --quiet)
"$bin/parallax-agent" enroll "$token" --data-dir "$dir/agent" --name fra-1 >/dev/null
"$bin/parallax-agent" run --data-dir "$dir/agent" >"$dir/agent.log" 2>&1 &
pids+=($!)
cat >"$dir/monitors.yaml" <<END
- {name: good, host: 127.0.0.1, port: ${port[ssh]}, locations: [fra], check_interval: 1s, greeting: ssh}
- name: wrong
  host: 127.0.0.1
  port: ${port[smtp]}
  locations: [fra]
  check_interval: 1s
  greeting:
    - expect: {regex: '^221 '}
    - send: 'QUIT\r\n'
END
p apply -f "$dir/monitors.yaml" >/dev/null
seen() { p status "$1" --output json | jq -r '.monitors[0].locations[0] | "\(.outcome) \(.excerpt)"'; }
wait_seen() {
    local tries=600
    # shellcheck disable=SC2053 # a pattern
    until [[ $(seen "$1") == $2 ]]; do ((tries-- > 0)) || return 1; sleep 0.1; done
}
check "an agent greets for a monitor" wait_seen good 'open SSH-2.0-*'
check "a mismatch shows what was said" wait_seen wrong 'mismatch 220 *'
check "status names the words" grep -q 'it said "220 ' <(p status wrong)
check "monitors list names the greeting" grep -qE 'good .* ssh ' <(p monitors list)
checked() { p check "127.0.0.1:${port[$1]}" "${@:2}" --output json | jq -r '.answers[0] | "\(.ok) \(.outcome) \(.excerpt)"'; }
# like WHAT PATTERN TEXT
like() {
    # shellcheck disable=SC2053 # a pattern
    if [[ $3 == $2 ]]; then ok "$1: $3"; else not_ok "$1: $3"; fi
}
like "a check greets from the agents" 'true open SSH-2.0-*' "$(checked ssh --greeting ssh)"
like "a check finds another service" 'false mismatch 220 *' "$(checked smtp --greeting ssh)"
like "a check of an open port that is to be closed" 'false open null' "$(checked ssh --expect closed)"
check "a check of a closed port that is to be so exits 0" p check "127.0.0.1:$((base + 59))" --expect closed
check "and prints it" grep -q '1 of 1 see it closed' <(p check "127.0.0.1:$((base + 59))" --expect closed)
for command in "p check" "$bin/parallax-agent probe"; do
    status=0
    # shellcheck disable=SC2086 # words
    $command "127.0.0.1:${port[ssh]}" --greeting ssh --expect closed >/dev/null 2>&1 || status=$?
    check "${command##*/} refuses a greeting of a closed port" test "$status" = 2
    status=0
    # shellcheck disable=SC2086 # words
    $command "127.0.0.1:${port[ssh]}" --expect refused >/dev/null || status=$?
    check "${command##*/} exits 1 for an open port that is to refuse" test "$status" = 1
done
p monitors export >"$dir/export.yaml"
check "the export applies and changes nothing" p diff -f "$dir/export.yaml"
check_report
