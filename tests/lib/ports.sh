# Ports of a test's own: source it. $base is then the first of eighty that nobody listens on,
# and that no other test takes for as long as this one, or anything it has started, runs.
# shellcheck shell=bash

# ports_take: sets base. Whoever holds the lock of a slot has its ports; what is started
# inherits the lock, so that a program that outlives its test keeps them. All slots lie below
# the ephemeral ports: no connection of anybody's takes one.
ports_take() {
    local folder=/tmp/plx-ports n_slots=240 width=80 try slot lock
    mkdir -p "$folder"
    chmod 1777 "$folder" 2>/dev/null || true # another user's tests take theirs here, too
    for ((try = 0; try < n_slots; try++)); do
        slot=$((($$ + try) % n_slots))
        base=$((12000 + slot * width))
        [[ -e $folder/$slot ]] || (umask 0 && : >>"$folder/$slot") 2>/dev/null || true
        exec {lock}<"$folder/$slot" || continue
        if flock -n "$lock" &&
            [[ -z $(ss -Hltn "sport >= :$base and sport < :$((base + width))") ]]; then
            return 0
        fi
        exec {lock}<&-
    done
    echo "no ports are left: $folder" >&2
    exit 1
}
ports_take
