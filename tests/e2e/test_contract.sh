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
# shellcheck source=tests/lib/check.sh
. "$here/../lib/check.sh"
dir=$(mktemp -d /tmp/plx-contract-XXXXXX)
pids=()

cleanup() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap cleanup EXIT

p() { "$bin/parallax" --data-dir "$dir/data" "$@"; }
packages() {
    [[ $repo/tests/web/node_modules/.package-lock.json -nt $repo/tests/web/package-lock.json ]] ||
        (cd "$repo/tests/web" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund >"$dir/npm.log" 2>&1) ||
        { cat "$dir/npm.log"; return 1; }
}
check "the packages of the test" packages
description=$repo/coordinator/http/openapi.json
lint() {
    (cd "$repo/tests/web" && REDOCLY_TELEMETRY=off timeout 60 node_modules/.bin/redocly lint \
        --config redocly.yaml --format stylish "$description" >"$dir/lint" 2>&1) || { tail -n 40 "$dir/lint"; return 1; }
}
check "a linter finds no error in the description" lint

base=$((19000 + $$ % 2000))
url=http://127.0.0.1:$((base + 3))
mkdir -p "$dir/data"
"$bin/parallax-coordinator" run --data-dir "$dir/data" --status-page all \
    --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
    --admin-listen "tcp://127.0.0.1:$((base + 2))" \
    --http-listen "127.0.0.1:$((base + 3))" >"$dir/log" 2>&1 &
pids+=($!)
tries=150
until p health >/dev/null 2>&1; do
    ((tries-- > 0)) || { cat "$dir/log"; exit 1; }
    sleep 0.1
done

# The fleet that the examples speak of.
for region in eu us ap; do
    token=$(p agents token create --region "$region" --ttl 10m --quiet)
    "$bin/parallax-agent" enroll "$token" --name "$region-1" --data-dir "$dir/$region" >/dev/null 2>&1
    "$bin/parallax-agent" run --data-dir "$dir/$region" >"$dir/$region.log" 2>&1 &
    pids+=($!)
done
token=$(p agents token create --region eu --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --name spare-1 --data-dir "$dir/spare" >/dev/null 2>&1
p agents label us-1 --label provider=acme >/dev/null
python3 -m http.server --bind 127.0.1.1 7080 >/dev/null 2>&1 &
pids+=($!)
# Before it is probed: or its own start is the first incident, and over.
tries=300
until (exec 3<>/dev/tcp/127.0.1.1/7080) 2>/dev/null || ((tries-- == 0)); do sleep 0.1; done
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
    local tries=300
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
check "every operation keeps to its example" timeout 120 node "$repo/tests/web/contract.mjs" "$url" "$description" "$admin" $record
check_report
