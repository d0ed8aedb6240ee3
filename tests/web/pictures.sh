#!/usr/bin/env bash
# Makes the README's pictures anew: a real fleet in the network lab with a dead service and a host
# that one region cannot reach; the dashboard's overview of it and the status table. As root.
#
#   pictures.sh BIN_DIR [FOLDER]    FOLDER: docs/img
set -euo pipefail
PLX_BIN=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(cd "${2:-$here/../../docs/img}" && pwd)
# shellcheck source=tests/lib/fleet.sh
. "$here/../lib/fleet.sh"
FLEET_DIR=$(mktemp -d /tmp/plx-pictures-XXXXXX)
trap 'fleet_down >/dev/null 2>&1 || true; rm -rf "$FLEET_DIR"' EXIT

[[ -d $here/node_modules/playwright-core ]] ||
    (cd "$here" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund >/dev/null)
fleet_up us-east-a eu-west-a ap-south-a us-east-b eu-west-b ap-south-b
{
    echo monitors:
    while read -r name port team; do
        echo "- {name: $name, host: ${name%%-*}4.lab, port: $port, check_interval: 2s, timeout: 1500ms," \
            "locations: [us-east, eu-west, ap-south], agents_per_location: 2, labels: {team: $team}}"
    done <<'END'
db-orders 5432 data
mail-relay 25 mail
cache-sessions 6379 web
bastion 22 ops
END
} >"$FLEET_DIR/monitors.yaml"
fleet_cli apply -f "$FLEET_DIR/monitors.yaml" >/dev/null
for name in db-orders mail-relay cache-sessions bastion; do fleet_wait "$name" up 60 >/dev/null; done

"$LAB" service stop redis
"$LAB" cut region us-east host db
fleet_wait cache-sessions service_down 60
fleet_wait db-orders filtered 120

password=$(head -c 12 /dev/urandom | base64)
fleet_cli users put ada --role operator <<<"$password" >/dev/null
COLUMNS=118 script -qec "$LAB exec ctl $PLX_BIN/parallax --data-dir $FLEET_DIR/coordinator status" /dev/null \
    >"$FLEET_DIR/table" </dev/null || true
"$LAB" exec ctl node "$here/pictures.mjs" http://127.0.0.1:7480 "$password" "$FLEET_DIR/table" "$folder"
ls -l "$folder"
