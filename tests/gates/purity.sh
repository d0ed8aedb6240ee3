#!/usr/bin/env bash
# The purity gate: what the pure archives need from outside must be on the allow-list.
#
#   purity.sh ALLOW_LIST ARCHIVE… [-- LOWER_ARCHIVE…]
#
# The lower archives are only there to be called; they have a gate of their own.
# Core decides and never acts: a clock read, a printf, a socket or a protobuf type in it
# shows up here as an undefined symbol that nobody allowed.
set -euo pipefail

allow=$1
shift
archives=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    archives+=("$1")
    shift
done
[ $# -eq 0 ] || shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Symbols a pure archive may take from another pure one.
nm -g --defined-only "${archives[@]}" "$@" 2>/dev/null | awk 'NF == 3 {print $3}' | sort -u >"$work/ours"
grep -v '^#' "$allow" | awk 'NF {print $1}' | sort -u >"$work/allowed"
# AddressSanitizer and its kin add symbols of their own; stack protector and FORTIFY wrap.
sort -u "$work/ours" "$work/allowed" >"$work/known"

status=0
for archive in "${archives[@]}"; do
    nm -u "$archive" | awk '$1 == "U" {print $2}' |
        sed -E 's/^__([a-z]+)_chk$/\1/' |
        grep -vE '^(__asan_|__ubsan_|__tsan_|__sanitizer_|__stack_chk_|__gcov|_GLOBAL_OFFSET_TABLE_)' |
        sort -u >"$work/needs" || true
    foreign=$(comm -23 "$work/needs" "$work/known")
    if [ -n "$foreign" ]; then
        echo "$(basename "$archive") is not pure; it calls: $(echo "$foreign" | tr '\n' ' ')"
        status=1
    fi
done
[ $status -eq 0 ] && echo "pure: $(for a in "${archives[@]}"; do basename "$a"; done | tr '\n' ' ')"
exit $status
