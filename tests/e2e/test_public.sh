#!/usr/bin/env bash
# The public status page: what everybody may see of the monitors that are public, and
# nothing else; its feeds and badges; and that there is none unless it is asked for.
#
#   test_public.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

# http STATUS ARG…: the body is in $dir/body, the headers in $dir/head.
http() {
    local wanted=$1 got
    shift
    got=$(curl -s -o "$dir/body" -D "$dir/head" -w '%{http_code}' --max-time 10 "$@") || got="curl $?"
    [[ $got == "$wanted" ]] || { printf '  %s: %s\n' "$got" "$(cat "$dir/body")"; return 1; }
}
body() { jq -e "$1" "$dir/body" >/dev/null || { cat "$dir/body"; return 1; }; }
xml() { python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$dir/body"; }

coordinator_start
check "without being asked for there is no status page" http 404 "$url/status"
check "… and no badge" http 404 "$url/badge/shop.svg"
coordinator_stop
check "a label that is none is refused" bash -c "! '$bin/parallax-coordinator' run --data-dir '$dir/coordinator' --status-page public 2>&1 | grep -vq 'must be the label'"
coordinator_start --status-page public=yes --status-title 'Us & <them>' --public-url https://status.example

python3 -m http.server --bind 127.0.1.1 $((base + 4)) >/dev/null 2>&1 &
server=$!
pids+=("$server")
serves() { curl -sf "http://127.0.1.1:$((base + 4))/" >/dev/null; }
until_ok 30 serves || true
for name in eu-1 us-1 ap-1; do
    agent_enrol "$name"
    agent_start "$name"
done
cat >"$dir/monitors.yaml" <<YAML
monitors:
- {name: shop, host: 127.0.1.1, port: $((base + 4)), check_interval: 2s, timeout: 1s, locations: [all], alert_on_failure: true, labels: {public: "yes"}}
- {name: "a b", host: 127.0.1.1, port: $((base + 4)), check_interval: 2s, timeout: 1s, locations: [all], alert_on_failure: true, labels: {public: "yes"}}
- {name: vault, host: 127.0.1.2, port: $((base + 5)), check_interval: 2s, timeout: 1s, locations: [all], alert_on_failure: true}
YAML
p apply -f "$dir/monitors.yaml" >/dev/null
state_is() { curl -s "$url/status.json" | jq -e --arg s "$1" '.monitors[] | select(.name == "shop") | .state == $s' >/dev/null; }
becomes() { local tries=300; until state_is "$1"; do ((tries-- > 0)) || { curl -s "$url/status.json"; return 1; }; sleep 0.1; done; }
check "what is up is up for everybody" becomes up
check "the page needs no token" http 200 "$url/status"
check "… is escaped" grep -q '<title>Us &amp; &lt;them&gt;</title>' "$dir/body"
check "… may be cached by all" grep -qi '^cache-control: public, max-age=15' "$dir/head"
check "… has a tag" grep -qi '^etag:' "$dir/head"
check "… names what is public" grep -q 'shop' "$dir/body"
secret() { ! grep -qE 'vault|127\.0\.|eu-1' "$dir/body"; }
check "… and nothing else" secret
check "its style" http 200 "$url/assets/status.css"

kill "$server"; wait "$server" 2>/dev/null || true
check "what is down is down for everybody" becomes down
check "a badge says so" http 200 "$url/badge/shop.svg"
check "… as an image others may show" grep -qi '^cross-origin-resource-policy: cross-origin' "$dir/head"
check "… and well-formed" xml
check "… in words" grep -q 'aria-label="shop: down"' "$dir/body"
check "a badge of a name with a blank" http 200 "$url/badge/a%20b.svg"
check "a badge of the latency" http 200 "$url/badge/shop.svg?what=latency"
check "a badge of the uptime" http 200 "$url/badge/shop.svg?what=uptime"
check "no badge of what is not public" http 404 "$url/badge/vault.svg"
check "… and none of other things" http 400 "$url/badge/shop.svg?what=host"
has_incident() { local tries=200; until curl -s "$url/status.json" | jq -e 2>/dev/null '.incidents[0].monitors | contains("shop")' >/dev/null; do ((tries-- > 0)) || return 1; sleep 0.1; done; }
check "its incident is listed" has_incident
check "the feed of incidents" http 200 "$url/status/feed.xml"
check "… is well-formed" xml
check "… links to where people reach us" grep -q '<link>https://status.example/status</link><guid' "$dir/body"
check "… names no host" secret
check "the same as JSON feed" http 200 "$url/status/feed.json"
check "… with an item" body '.version == "https://jsonfeed.org/version/1.1" and (.items[0].id | startswith("incident-"))'
check "… names no host" secret
check "the rest still asks who one is" http 401 "$url/api/v1/overview"
check_report
