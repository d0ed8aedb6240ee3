#!/usr/bin/env bash
# The dashboard in a real browser: a service stops, and whoever watches sees it live, reads
# why, acknowledges, silences and checks. And: the built files are what their sources make.
#
#   test_web.sh BIN_DIR
#
# Screenshots are left in build/web-shots.
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"
shots=$repo/build/web-shots

# packages FOLDER: what its package-lock.json names, unless that is there already.
packages() {
    [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]] ||
        (cd "$1" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund >"$dir/npm.log" 2>&1) ||
        { cat "$dir/npm.log"; return 1; }
}
check "the packages of the dashboard" packages "$repo/coordinator/http/web"
check "the built files are what their sources make" node "$repo/coordinator/http/web/build.mjs" --check
check "the packages of the test" packages "$repo/tests/web"

mkdir -p "$shots"
coordinator_start --status-page team=web
for name in us-east-1 eu-west-1 ap-south-1; do
    agent_enrol "$name"
    agent_start "$name"
done

# The services live in the browser's driver (tests/web/drive.mjs).
# NAME TEAM TIER: each at an address of its own.
fleet=(
    'accounts web edge' 'checkout web edge' 'search web edge' 'images media edge'
    'mail-out mail core' 'ledger billing core' 'invoices billing core' 'sessions web core'
    'orders-db data store' 'users-db data store' 'queue data store' 'cache data store'
)
places=()
{
    echo monitors:
    for i in "${!fleet[@]}"; do
        read -r name team tier <<<"${fleet[i]}"
        places+=("127.0.1.$((10 + i)):$((base + 10 + i))")
        cat <<YAML
- {name: $name, host: 127.0.1.$((10 + i)), port: $((base + 10 + i)), check_interval: 5s,
   timeout: 2s, locations: [us-east, eu-west, ap-south], labels: {team: $team, tier: $tier}, runbook: "https://wiki.example/runbook"}
YAML
    done
    cat <<YAML
maintenance:
- {name: moving house, match: {team: nobody}, zone: UTC, from: "$(date -u -d '-1 hour' '+%Y-%m-%d %H:%M')", until: "$(date -u -d '+1 hour' '+%Y-%m-%d %H:%M')"}
YAML
} >"$dir/monitors.yaml"
printf 'a long password\n' | p users put ada --role operator >/dev/null

(cd "$repo/tests/web" && exec timeout -k 5 600 node drive.mjs \
    "$url" 'a long password' "$shots" "${places[@]}") &
driver=$!
listening() { (exec 3<>"/dev/tcp/${1/://}") 2>/dev/null; }
until listening "${places[-1]}" || [[ ! -e /proc/$driver ]]; do sleep 0.1; done
p apply -f "$dir/monitors.yaml" >/dev/null
check "the dashboard in a browser" wait "$driver"
check_report
