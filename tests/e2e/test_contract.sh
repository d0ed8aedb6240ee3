#!/usr/bin/env bash
# The API's description is sound (a linter for OpenAPI finds no error), has an example of
# every operation, and the coordinator keeps to each.
#
#   test_contract.sh BIN_DIR [--record]
#
# --record writes the answers that are not described, or differ, into the description.
set -euo pipefail
bin=$(cd "$1" && pwd)
record=${2-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

packages() {
    [[ $repo/tests/web/node_modules/.package-lock.json -nt $repo/tests/web/package-lock.json ]] ||
        (cd "$repo/tests/web" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund >"$dir/npm.log" 2>&1) ||
        { cat "$dir/npm.log"; return 1; }
}
check "the packages of the test" packages
description=$repo/coordinator/http/openapi.json
lint() {
    (cd "$repo/tests/web" && REDOCLY_TELEMETRY=off timeout 300 node_modules/.bin/redocly lint \
        --config redocly.yaml --format stylish "$description" >"$dir/lint" 2>&1) || { tail -n 40 "$dir/lint"; return 1; }
}
check "a linter finds no error in the description" lint

coordinator_start --status-page all

# The fleet that the examples speak of.
for name in eu-1 us-1 ap-1; do
    agent_enrol "$name"
    agent_start "$name"
done
agent_enrol eu-spare
p agents label us-1 --label provider=acme >/dev/null
python3 -m http.server --bind 127.0.1.1 7080 >/dev/null 2>&1 &
pids+=($!)
# Before it is probed: or its own start is the first incident, and over.
until_ok 30 bash -c "exec 3<>/dev/tcp/127.0.1.1/7080" || true
cat >"$dir/monitors.yaml" <<'YAML'
monitors:
- {name: shop, host: 127.0.1.1, port: 7080, check_interval: 2s, timeout: 1s, locations: [all], labels: {team: web}, slo: 99.9%}
- {name: vault, host: 127.0.1.2, port: 7081, check_interval: 2s, timeout: 1s, locations: [all], alert_on_failure: true}
- {name: spare, host: 127.0.1.1, port: 7080, locations: [all]}
receivers:
- {name: ops, kind: webhook, url: "http://127.0.1.1:7080/hook"}
- {name: quiet, kind: webhook, url: "http://127.0.1.1:7080/quiet"}
routes:
- {receivers: [ops]}
maintenance:
- {name: patch-sunday, match: {team: db}, days: [sun], from: "02:00", until: "04:00"}
YAML
printf 'a long password\n' | p users put ada --role operator >/dev/null
apply() { p apply -f "$dir/monitors.yaml" >"$dir/applied" 2>&1 || { cat "$dir/applied"; return 1; }; }
check "its monitors" apply
settled() {
    local tries=600
    until [[ $(p status --output json 2>/dev/null | jq -r '.summary | "\(.up) \(.service_down)"') == "2 1" &&
        $(p incidents list --output json | jq '.incidents | length') == 1 ]] &&
        (($(curl -s -H "Authorization: Bearer $admin" "$url/api/v1/monitors/shop/rollups?since=1h" | jq '.rows | length') > 2)); do
        ((tries-- > 0)) || { p status; p incidents list; return 1; }
        sleep 0.2
    done
}
admin=$(p tokens create admin --role admin 2>/dev/null)
check "… are judged" settled
locations=$(p locations list --output csv | tr '\n' ' ')
check "who serves which location, a spare that never ran included" grep -q \
    'all,4,3,3 ap,1,1,0 eu,2,1,0 provider=acme,1,1,0 us,1,1,0' <<<"$locations"
check "every operation keeps to its example" timeout 600 node "$repo/tests/web/contract.mjs" "$url" "$description" "$admin" $record
check_report
