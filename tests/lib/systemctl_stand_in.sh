#!/bin/bash
# In the place of systemctl where no systemd runs (a chroot): starts a service's ExecStart
# as the unit's user, outlives the caller, and watches what a path unit names. Sandboxing,
# limits and the watchdog are systemd's own and not here. The packages'
# maintainer scripts and the tutorial find it as /usr/bin/systemctl; what works without a
# running systemd is left to the real one, beside it as systemctl.real.
#
#   systemctl [OPTION…] start|stop|restart|reload|status|is-active|is-enabled UNIT…
#   systemctl daemon-reload
set -u

units=/usr/lib/systemd/system
state=/run/stand-in
mkdir -p "$state"

setting() { sed -n "s/^$2=//p" "$units/$1" | head -n 1; }

alive() { [[ -s $state/$1.pid ]] && kill -0 "$(cat "$state/$1.pid")" 2>/dev/null; }

# launch UNIT COMMAND…: away from the caller's session and descriptors.
launch() {
    local unit=$1
    shift
    setsid "$@" >>"/var/log/${unit%.*}.log" 2>&1 </dev/null &
    echo $! >"$state/$unit.pid"
}

start_service() {
    local condition user words
    condition=$(setting "$1" ConditionPathExists)
    [[ -z $condition || -e $condition ]] || return 0
    user=$(setting "$1" User)
    read -ra words <<<"$(setting "$1" ExecStart)"
    launch "$1" setpriv --reuid "$user" --regid "$user" --clear-groups "${words[@]}"
}

# What PathChanged= does: the service starts when the file has come or changed.
watch_path() {
    local file service=${1%.path}.service was='' now
    file=$(setting "$1" PathChanged)
    was=$(stat -c %Y%s "$file" 2>/dev/null)
    while sleep 0.2; do
        now=$(stat -c %Y%s "$file" 2>/dev/null)
        [[ $now == "$was" ]] || { alive "$service" || start_service "$service"; }
        was=$now
    done
}

start() {
    alive "$1" && return 0
    case $1 in
    *.service) start_service "$1" ;;
    *.path) launch "$1" "$0" watch "$1" ;;
    esac
}

stop() {
    local tries=300
    alive "$1" || return 0
    kill "$(cat "$state/$1.pid")"
    while alive "$1" && ((tries-- > 0)); do sleep 0.1; done
    ! alive "$1" || kill -KILL "$(cat "$state/$1.pid")"
    rm -f "$state/$1.pid"
}

verb=
args=()
for word; do
    case $word in
    -*) ;;
    *) if [[ -z $verb ]]; then verb=$word; else args+=("$word"); fi ;;
    esac
done
case $verb in
daemon-reload) exit 0 ;;
preset | enable | disable | mask | unmask) exec "$0.real" "$@" ;;
esac
code=0
for unit in "${args[@]}"; do
    [[ $unit == *.* ]] || unit=$unit.service
    [[ -e $units/$unit ]] || { echo "Unit $unit could not be found." >&2; exit 5; }
    case $verb in
    start) start "$unit" ;;
    stop) stop "$unit" ;;
    restart) stop "$unit"; start "$unit" ;;
    reload) kill -HUP "$(cat "$state/$unit.pid")" ;;
    watch) watch_path "$unit" ;;
    is-enabled)
        if compgen -G "/etc/systemd/system/*.wants/$unit" >/dev/null; then echo enabled; else echo disabled; code=1; fi ;;
    is-active | status) if alive "$unit"; then echo active; else echo inactive; code=3; fi ;;
    *) echo "systemctl (stand-in): '$verb' is not here" >&2; exit 2 ;;
    esac
done
exit $code
