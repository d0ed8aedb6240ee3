#!/usr/bin/env bash
# A real Prometheus scrapes a real coordinator with the configuration and the rules that
# deploy/prometheus has.
#
#   test_prometheus.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deploy=$here/../../deploy/prometheus
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

coordinator_start
cat >"$dir/monitors.yaml" <<'YAML'
monitors:
- {name: 'a "quoted" name', host: 127.0.0.1, port: 9, locations: [all]}
YAML
p apply -f "$dir/monitors.yaml" >/dev/null
p tokens create prometheus --role viewer 2>/dev/null >"$dir/parallax.token"

metrics() {
    curl -s -H "Authorization: Bearer $(cat "$dir/parallax.token")" "$url/$1"
}
check "promtool finds the metrics clean" bash -c 'promtool check metrics <<<"$1"' _ "$(metrics metrics)"
check "… and those of each monitor" bash -c 'promtool check metrics <<<"$1"' _ "$(metrics metrics/monitors)"
check "a quoted name is escaped" grep -qF '{monitor="a \"quoted\" name",verdict="pending"} 1' <<<"$(metrics metrics/monitors)"
check "the rules are good" promtool check rules "$deploy/rules.yml"
"$here/../gates/dashboards.py" "$here/../.." --queries >"$dir/queries.yml"
check "so are the queries of the dashboards" promtool check rules "$dir/queries.yml"

sed -e "s/:7480/:$((base + 3))/" -e 's/scrape_interval: 15s/scrape_interval: 1s/' "$deploy/prometheus.yml" >"$dir/prometheus.yml"
cp "$deploy/rules.yml" "$dir/"
prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
    --web.listen-address="127.0.0.1:$((base + 4))" --log.level=warn >"$dir/prometheus.log" 2>&1 &
pids+=($!)
ask() { curl -sG --data-urlencode "query=$1" "http://127.0.0.1:$((base + 4))/api/v1/query" | jq -r '.data.result[0].value[1]'; }
scraped() {
    local tries=600
    until [[ $(ask 'parallax_monitors{verdict="pending"}' 2>/dev/null) == 1 ]]; do
        ((tries-- > 0)) || { cat "$dir/prometheus.log"; return 1; }
        sleep 0.1
    done
}
check "Prometheus scrapes the coordinator" scraped
check "… which is up" test "$(ask 'up{job="parallax"}')" = 1
check "… and has its rules" test "$(curl -s "http://127.0.0.1:$((base + 4))/api/v1/rules" | jq '.data.groups[0].rules | length')" = 8
check_report
