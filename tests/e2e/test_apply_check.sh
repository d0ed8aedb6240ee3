#!/usr/bin/env bash
# `parallax apply --check` on good files and on every kind of bad one: exit code, place,
# one line.
#
#   test_apply_check.sh BIN_DIR
set -euo pipefail

parallax=$1/parallax
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
    printf 'FAILED: %s\n' "$*"
    failed=1
}

# good NAME: the file on standard input is accepted, without a coordinator.
good() {
    cat >"$dir/$1.yaml"
    local out
    if ! out=$(PARALLAX_ADMIN=/nonexistent "$parallax" apply --check -f "$dir/$1.yaml" 2>&1); then
        fail "$1 was refused: $out"
    fi
}

# bad NAME PATTERN: refused with exit 2 and one line that matches "FILE:PATTERN".
bad() {
    local out code=0
    cat >"$dir/$1.yaml"
    out=$("$parallax" apply --check -f "$dir/$1.yaml" 2>&1) || code=$?
    [[ $code -eq 2 ]] || fail "$1: exit code $code"
    [[ $(wc -l <<<"$out") -eq 1 ]] || fail "$1: more than one line: $out"
    # shellcheck disable=SC2053  # the pattern is one
    [[ $out == $dir/$1.yaml:$2 ]] || fail "$1: '$out' is not '$1.yaml:$2'"
}

block() {
    cat <<YAML
monitor_type: tcp
host: db.yourapp.com  # or IP address
port: 5432
check_interval: $1            # also "5 minutes", 30s, 90s, 1h
timeout: $2                  # also "10 seconds"
locations: [us-east, eu-west]
alert_on_failure: true
consecutive_failures_before_alert: 2
YAML
}

indented() { sed -e '1s/^/- /' -e '2,$s/^/  /'; }

block 1m 10s | good bare
block '5 minutes' '10 seconds' | good words
block 1m 10s | indented | good list
{ echo 'monitors:'; block '5 minutes' '10 seconds' | indented; } | good under_monitors
printf '{"monitors": [{"host": "h", "port": 1, "locations": ["all"]}]}' | good json

block 1m 10s | sed 's/^timeout/tiemout/' |
    bad unknown_key "5:1: unknown key 'tiemout', did you mean 'timeout'?"
block '1 parsec' 10s | bad unit "4:17: 'check_interval' must be *: '1 parsec'"
block 60 10s | bad no_unit "4:17: 'check_interval' must be a duration with a unit*: '60'"
block 1m 10s | sed 's/5432/0/' | bad port_0 "3:7: 'port' must be *: '0'"
block 1m 10s | sed 's/5432/70000/' | bad port_70000 "3:7: 'port' must be *: '70000'"
block 1m 10s | sed '4s/^/\t/' | bad tab '4:1: a tab in the indentation*'
block 1m 10s | sed '3p' | bad duplicate_key "4:1: duplicate key 'port', first on line 3"
{ block 1m 10s | indented; block 1m 10s | indented; } |
    bad duplicate_name "9:3: two monitors are named 'db.yourapp.com:5432', the first on line 1*"
block 1m 10s | sed 's/host: /host: \&anchor /' | bad anchor "2:7: anchors are not accepted*"
block 1m 10s | sed 's/host: .*/host: *anchor/' | bad alias "2:7: aliases are not accepted*"
block 1m 10s | sed 's/host: /host: !!str /' | bad tag "2:7: tags are not accepted*"
{ block 1m 10s; echo ---; block 1m 10s; } | bad two_documents '9:1: a second document*'
block 1m 10s | sed '/^host/d' | bad no_host "1:1: the monitor has no 'host'"
bad empty '1:1: the file holds no monitors' </dev/null
printf '# only a comment\n' | bad comment '1:1: the file holds no monitors'
{ printf 'host: h\nname: '; head -c 1048576 /dev/zero | tr '\0' x; } |
    bad megabyte_line "2:1: the line is longer than 65536 bytes: 'name: xxx*…'"
printf 'host: \xff\n' | bad not_utf8 '1:7: a byte that is not UTF-8*'
printf 'host: a\0b\n' | bad nul '1:8: a control character*'

code=0
out=$("$parallax" apply --check -f "$dir" 2>&1) || code=$?
[[ $code -eq 2 && $out == "$dir:1:1: "*folder* ]] || fail "folder: $code '$out'"
code=0
out=$("$parallax" apply --check -f "$dir/none.yaml" 2>&1) || code=$?
[[ $code -eq 2 && $out == *none.yaml* ]] || fail "no file: $code '$out'"
code=0
out=$("$parallax" apply --check -f "$dir/bare.yaml" -f "$dir/words.yaml" 2>&1) || code=$?
[[ $code -eq 2 && $out == *bare.yaml*words.yaml* ]] || fail "two files, one name: $code '$out'"
code=0
out=$("$parallax" apply --check 2>&1) || code=$?
[[ $code -eq 2 && $out == *usage* ]] || fail "no file named: $code '$out'"

exit $failed
