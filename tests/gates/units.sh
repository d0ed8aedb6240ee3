#!/usr/bin/env bash
# The units gate: what systemd thinks of the units' exposure, at most 1.5 of 10.
#
#   units.sh REPOSITORY
set -euo pipefail
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is missing"; exit 1; }
for unit in "$1"/deploy/systemd/*.service; do
    systemd-analyze security --offline=true --threshold=15 --no-pager "$unit" |
        grep -E 'Unknown|Overall' || true
    systemd-analyze security --offline=true --threshold=15 --no-pager "$unit" >/dev/null
done
