#!/usr/bin/env bash
# The HTTP API against a real coordinator: who gets in, what each role may, errors that
# name the field, events that can be resumed, and what becomes of hostile requests.
#
#   test_http.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

coordinator_start --http-trusted-proxy 127.0.0.1 --status-page all

# http STATUS ARG…: curl; the body is in $dir/body, the headers in $dir/head.
http() {
    local wanted=$1 got
    shift
    got=$(curl -s -o "$dir/body" -D "$dir/head" -w '%{http_code}' --max-time 30 "$@") ||
        got="curl $?"
    # shellcheck disable=SC2053 # a pattern
    [[ $got == $wanted ]] || { printf '  %s: %s\n' "$got" "$(cat "$dir/body")"; return 1; }
}
as() { echo "Authorization: Bearer ${tokens[$1]}"; }
# body FILTER: jq says yes.
body() { jq -e "$1" "$dir/body" >/dev/null || { cat "$dir/body"; return 1; }; }

declare -A tokens
for role in viewer operator admin; do
    tokens[$role]=$(p tokens create "a-$role" --role "$role" 2>/dev/null)
done
printf 'a long password\n' | p users put ada --role operator >/dev/null
check "secrets are not in the database" \
    bash -c "! grep -aqE '${tokens[admin]}|a long password' '$dir'/coordinator/parallax.db*"

# ---- who gets in ----
check "alive without a token" http 200 "$url/healthz"
check "ready without a token" http 200 "$url/readyz"
check "status takes a token" http 401 "$url/api/v1/status"
check "… as a problem document" body '.status == 401 and .detail != null'
check "a wrong token" http 401 -H 'Authorization: Bearer plxt_wrong' "$url/api/v1/status"
check "metrics take a token" http 401 "$url/metrics"
check "a viewer reads" http 200 -H "$(as viewer)" "$url/api/v1/status"
check "… the status" body '.summary.total == 0'
check "a viewer reads the metrics" http 200 -H "$(as viewer)" "$url/metrics"
check "… which count" grep -q '^parallax_monitors{verdict="up"} 0' "$dir/body"

# ---- every route that changes something, as a viewer ----
# The table itself says which routes there are: each entry in one line.
routes() {
    tr '\n' ' ' <"$here/../../coordinator/http/route.c" | sed 's/{\.verb/\n{.verb/g' |
        sed -nE 's/.*\.verb = "([A-Z]+)", *\.path = (V1 )?"([^"]*)".*/\1 \2\3/p' |
        sed 's| V1 | /api/v1|'
}
refused_to_viewer() {
    local verb path n=0 bad=0
    while read -r verb path; do
        [[ $verb != GET && $path != */session ]] || continue
        path=${path/\{name\}/x}
        http 403 -X "$verb" -H "$(as viewer)" -d '{}' "$url${path/\{id\}/1}" ||
            { echo "  $verb $path"; bad=1; }
        n=$((n + 1))
    done < <(routes)
    [[ $n -ge 12 && $bad -eq 0 ]]
}
check "a viewer changes nothing, whatever the route" refused_to_viewer

# ---- monitors ----
monitors='{"text":"monitors:\n- host: 127.0.0.1\n  port: 9\n  name: discard/9\n  locations: [all]\n"}'
check "an operator does not apply" http 403 -H "$(as operator)" -d "$monitors" "$url/api/v1/monitors"
check "an admin does" http 200 -H "$(as admin)" -d "$monitors" "$url/api/v1/monitors"
check "… and hears what was added" body '.added == ["discard/9"]'
check "a name with a slash in it" http 200 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9"
check "… is found" body '.monitor.port == 9'
check "one monitor's status" http 200 -H "$(as viewer)" -G --data-urlencode 'monitor=discard/9' "$url/api/v1/status"
check "… only" body '.monitors | length == 1'
check "a monitor that is not there" http 404 -H "$(as viewer)" "$url/api/v1/monitors/nope/explain"
check "a bad file" http 400 -H "$(as admin)" -d '{"text":"monitors:\n- host: x\n  port: 0\n"}' "$url/api/v1/monitors"
check "… is refused with its line" body '.detail | test(":3:")'
check "an unknown key" http 400 -H "$(as admin)" -d '{"txt":""}' "$url/api/v1/monitors"
check "… is named" body '.field == "txt"'
check "a bad value" http 400 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9/history?since=never"
check "… names its field" body '.field == "since"'
check "an unknown parameter" http 400 -H "$(as viewer)" "$url/api/v1/status?colour=red"
check "a parameter that comes twice" http 400 -H "$(as viewer)" "$url/api/v1/uptime?since=1h&since=2h"
check "… is named" body '.field == "since" and (.detail | test("more than once"))'
check "a label with two values" http 400 -H "$(as viewer)" "$url/api/v1/status?label=a=1&label=a=2"
check "what may be repeated" http 200 -H "$(as viewer)" \
    "$url/api/v1/status?monitor=discard%2F9&monitor=discard%2F9&label=a=1&label=b=2"
check "an operator pauses" http 200 -X POST -H "$(as operator)" "$url/api/v1/monitors/discard%2F9/pause"
check "a check without agents" http 404 -H "$(as operator)" -d '{"target":"127.0.0.1:9"}' "$url/api/v1/checks"

# ---- incidents, silences, receivers ----
check "no incident is open" http 200 -H "$(as viewer)" "$url/api/v1/incidents?state=open&limit=5"
check "… in the list" body '.incidents == []'
check "an incident that is not there" http 404 -H "$(as viewer)" "$url/api/v1/incidents/7"
check "… is not acknowledged" http 404 -H "$(as operator)" -d '{"text":"mine"}' "$url/api/v1/incidents/7/ack"
check "an incident's number is one" http 400 -H "$(as viewer)" "$url/api/v1/incidents/seven"
check "… and the field is named" body '.field == "id"'
check "an operator silences" http 200 -H "$(as operator)" -d '{"match":{"team":"db"},"for":"1h","comment":"disk swap"}' "$url/api/v1/silences"
check "… under their name" body '.silence.author == "token a-operator" and .silence.comment == "disk swap"'
silence=$(jq .silence.id "$dir/body")
check "a silence whose comment would move a terminal's cursor" http 400 -H "$(as operator)" -d '{"match":{"team":"db"},"for":"1h","comment":"a\u001b[2J"}' "$url/api/v1/silences"
check "… names it" body '.field == "comment"'
check "a silence of two lines" http 400 -H "$(as operator)" -d '{"match":{"team":"d\r\nb"},"for":"1h"}' "$url/api/v1/silences"
check "a silence without an end" http 400 -H "$(as operator)" -d '{"match":{"team":"db"}}' "$url/api/v1/silences"
check "a viewer sees it" http 200 -H "$(as viewer)" "$url/api/v1/silences"
check "… listed" body '.silences | length == 1'
check "and it is ended" http 200 -X DELETE -H "$(as operator)" "$url/api/v1/silences/$silence"
check "maintenance is listed" http 200 -H "$(as viewer)" "$url/api/v1/maintenance"
check "receivers are listed" http 200 -H "$(as viewer)" "$url/api/v1/receivers"
check "a receiver that is not there" http 404 -X POST -H "$(as operator)" "$url/api/v1/receivers/nobody/test"

# ---- the overview and the dashboard's files ----
check "the overview" http 200 -H "$(as viewer)" "$url/api/v1/overview"
check "… names every monitor, without locations" body '.monitors[0].name == "discard/9" and .monitors[0].verdict == "paused" and .monitors[0].locations == null'
tag=$(sed -n 's/^ETag: \(.*\)\r$/\1/ip' "$dir/head")
check "… the same once more, for nothing" http 304 -H "$(as viewer)" -H "If-None-Match: $tag" "$url/api/v1/overview"
check "the dashboard's page needs no token" http 200 "$url/"
check "… runs no script but ours" grep -qi "^content-security-policy: default-src 'none'; script-src 'self'" "$dir/head"
script=$(grep -o '/assets/app-[A-Za-z0-9]*\.js' "$dir/body")
check "… its script" http 200 --compressed "$url$script"
check "… is compressed" grep -qi '^content-encoding: gzip' "$dir/head"
check "… and kept for good, as its name changes with it" grep -qi '^cache-control: .*immutable' "$dir/head"
tag=$(sed -n 's/^ETag: \(.*\)\r$/\1/ip' "$dir/head")
check "… or asked for by its tag" http 304 -H "If-None-Match: $tag" "$url$script"
check "a file that is not there" http 404 "$url/assets/nope.js"

# ---- the description of the API ----
check "the API describes itself" http 200 "$url/api/v1/openapi.json"
cp "$dir/body" "$dir/openapi"
described() { jq -r '.paths | to_entries[] | .key as $p | .value | keys[] | ascii_upcase + " " + $p' "$dir/openapi"; }
check "… every route, and no other" diff <(described | sort) <(routes | sort)
# as_described PATTERN URL_PATH: the answer is of the type and has the keys that are said.
as_described() {
    local type
    http 200 -H "$(as admin)" "$url$2" || return 1
    type=$(jq -r --arg p "$1" '.paths[$p].get.responses["200"].content | keys[0]' "$dir/openapi")
    [[ $type == "*/*" ]] || grep -qi "^content-type: $type" "$dir/head" || { echo "  not $type"; return 1; }
    [[ $type != application/json ]] ||
        jq -e --slurpfile o "$dir/openapi" --arg p "$1" \
            '($o[0].paths[$p].get.responses["200"].content["application/json"].schema.required // []) - keys == []' \
            "$dir/body" >/dev/null || { echo "  lacks what is required"; return 1; }
}
kept_to() {
    local verb path n=0 bad=0
    while read -r verb path; do
        # An agent or incident there is none of here; events do not end.
        [[ $verb == GET && $path != */events && $path != */agents/* && $path != */incidents/* &&
            $path != /assets/* && $path != /badge/* && $path != */session ]] || continue
        as_described "$path" "${path/\{name\}/discard%2F9}" || { echo "  $path"; bad=1; }
        n=$((n + 1))
    done < <(described)
    [[ $n -ge 20 && $bad -eq 0 ]]
}
check "… and every answer keeps to it" kept_to

# ---- rollups ----
check "rollups of a monitor without results" http 200 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9/rollups?since=1h"
check "… are none, a minute each" body '.rows == [] and .step_s == 60 and .level == "1m" and .next == null'
check "… a step of days" http 200 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9/rollups?since=30d&step=24h"
check "… is read from days" body '.step_s == 86400 and .level == "1d"'
check "… a step of half a minute is refused" http 400 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9/rollups?step=30s"
check "… naming the field" body '.field == "step"'
check "… an empty range too" http 400 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9/rollups?since=1h&until=2h"
check "… the longest range that can be asked for" http 200 -H "$(as viewer)" "$url/api/v1/monitors/discard%2F9/rollups?since=2562047h&until=2200-01-01T00:00:00Z"

# ---- caching and compression ----
check "an answer has a tag" http 200 -H "$(as viewer)" "$url/api/v1/monitors"
check "what is private is in no shared cache" grep -qi '^cache-control: private' "$dir/head"
tag=$(sed -n 's/^ETag: \(.*\)\r$/\1/ip' "$dir/head")
check "… and is not sent twice" http 304 -H "$(as viewer)" -H "If-None-Match: $tag" "$url/api/v1/monitors"
check "long answers are compressed" http 200 --compressed -H "$(as viewer)" "$url/metrics"
check "… if asked for" grep -qi '^content-encoding: gzip' "$dir/head"
check "a wrong verb" http 405 -X DELETE -H "$(as admin)" "$url/api/v1/status"
check "… hears the right ones" grep -q '^Allow: GET' "$dir/head"

check "a secret is answered" http 200 -H "$(as admin)" -d '{"name":"brief"}' "$url/api/v1/tokens"
check "… and in no cache at all" grep -qi '^cache-control: no-store' "$dir/head"
tokens[brief]=$(jq -r .token "$dir/body")

# ---- people ----
login() { curl -s -o "$dir/body" -D "$dir/head" -c "$dir/jar" -w '%{http_code}' -H 'X-Parallax: 1' \
    -d "{\"name\":\"ada\",\"password\":\"$1\"}" "$url/api/v1/session"; }
check "a wrong password" test "$(login wrong)" = 401
check "the right one" test "$(login 'a long password')" = 200
check "… gives a cookie scripts cannot read" grep -qi '^set-cookie: parallax_session=.*HttpOnly; SameSite=Strict' "$dir/head"
check "the session reads" http 200 -b "$dir/jar" "$url/api/v1/session"
check "… as ada" body '.name == "ada" and .role == "operator"'
check "a change without our header" http 403 -X POST -b "$dir/jar" "$url/api/v1/monitors/discard%2F9/resume"
check "a change from another site" http 403 -X POST -b "$dir/jar" -H 'X-Parallax: 1' -H 'Origin: http://evil.example' "$url/api/v1/monitors/discard%2F9/resume"
check "a change from our page" http 200 -X POST -b "$dir/jar" -H 'X-Parallax: 1' -H "Origin: $url" "$url/api/v1/monitors/discard%2F9/resume"
check "ada is no admin" http 403 -X PUT -b "$dir/jar" -H 'X-Parallax: 1' -d '{"password":"another password"}' "$url/api/v1/users/eve"
check "logging out" http 204 -X DELETE -b "$dir/jar" -H 'X-Parallax: 1' "$url/api/v1/session"
check "… ends the session" http 401 -b "$dir/jar" "$url/api/v1/session"
login 'a long password' >/dev/null
p users rm ada >/dev/null
check "a removed person's session ends" http 401 -b "$dir/jar" "$url/api/v1/session"
p tokens revoke a-operator >/dev/null
check "a revoked token is refused" http 401 -H "$(as operator)" "$url/api/v1/status"

check "a name that a token has is not given again" http 409 -H "$(as admin)" -d '{"name":"a-viewer"}' "$url/api/v1/tokens"
check "… naming the field" body '.field == "name"'
check "… and the token is still good" http 200 -H "$(as viewer)" "$url/api/v1/session"
check "… unless it is to be replaced" http 200 -H "$(as admin)" -d '{"name":"a-viewer","role":"viewer","replace":true}' "$url/api/v1/tokens"
tokens[viewer]=$(jq -r .token "$dir/body")

# ---- events ----
curl -sN -H "$(as viewer)" "$url/api/v1/events" >"$dir/events" 2>/dev/null &
watcher=$!
pids+=("$watcher")
until_ok 30 grep -q retry "$dir/events"
token=$(p agents token create --region eu --ttl 10m --quiet)
"$bin/parallax-agent" enroll "$token" --name eu-1 --data-dir "$dir/agent" >/dev/null 2>&1
"$bin/parallax-agent" run --data-dir "$dir/agent" >"$dir/agent.log" 2>&1 &
agent=$!
seen() { local tries=300; until grep -q "$1" "$dir/events"; do ((tries-- > 0)) || return 1; sleep 0.1; done; }
check "an agent's coming is an event" seen '"event":"agent_connected"'
kill "$agent"; wait "$agent" || true
check "… and its leaving" seen '"event":"agent_left"'
kill "$watcher"; wait "$watcher" 2>/dev/null || true
id=$(sed -n 's/^id: //p' "$dir/events" | head -n 1)
last=$(sed -n 's/^id: //p' "$dir/events" | tail -n 1)
curl -sN -H "$(as viewer)" -H "Last-Event-ID: $id" "$url/api/v1/events" >"$dir/again" &
watcher=$!
pids+=("$watcher")
check "a watcher that was away gets what it missed" until_ok 30 grep -q "id: $last" "$dir/again"
kill "$watcher"; wait "$watcher" 2>/dev/null || true
check "… once" bash -c "! grep -q 'id: $id\$' '$dir/again'"

# Whoever is shut out hears no more of it.
ends_stream() {
    local reader tries=300
    curl -sN "${how[@]}" "$url/api/v1/events" >"$dir/brief" 2>/dev/null &
    reader=$!
    until grep -q retry "$dir/brief" 2>/dev/null; do ((tries-- > 0)) || break; sleep 0.1; done
    "$@" >/dev/null
    while kill -0 "$reader" 2>/dev/null && ((tries-- > 0)); do sleep 0.1; done
    ! kill "$reader" 2>/dev/null
}
how=(-H "$(as brief)")
check "a revoked token's stream ends" ends_stream p tokens revoke brief
printf 'a long password\n' | p users put ada --role operator >/dev/null
login 'a long password' >/dev/null
how=(-b "$dir/jar")
check "… and that of who logs out" ends_stream curl -s -X DELETE -b "$dir/jar" -H 'X-Parallax: 1' "$url/api/v1/session"

# ---- hostile ----
check "a path that climbs" http 404 --path-as-is "$url/../../etc/passwd"
check "… also escaped" http 404 --path-as-is "$url/%2e%2e/%2e%2e/etc/passwd"
check "a bad escape in a query" http 400 -H "$(as viewer)" "$url/api/v1/status?monitor=%+a"
many() { local i; for ((i = 0; i < $1; i++)); do printf 'monitor=m-%d&' "$i"; done; }
check "hundreds of parameters are answered" http 404 -H "$(as viewer)" "$url/api/v1/status?$(many 400)"
check "… and more than fit are refused" http 4?? -H "$(as viewer)" "$url/api/v1/status?$(many 6000)"
check "a bad escape" http 400 -H "$(as viewer)" "$url/api/v1/monitors/%zz"
head -c 20000000 /dev/zero >"$dir/big"
head -c 70000 /dev/zero >"$dir/form"
tokens[operator2]=$(p tokens create operator2 --role operator 2>/dev/null)
# Who goes on sending may lose the answer with the connection.
too_long() {
    local got
    got=$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H "$(as admin)" -H 'Expect:' \
        --data-binary "@$dir/big" "$url/api/v1/monitors") || got="$got, cut off ($?)"
    [[ $got == 413* || $got == *"cut off (5"[56]")" ]] || { echo "  $got"; return 1; }
}
check "a body without end is not read" too_long
check "… with its length said before" http 413 -H "$(as admin)" -H 'Expect: 100-continue' --data-binary "@$dir/big" "$url/api/v1/monitors"
check "a body is not even asked of who may not send it" http 403 -H "$(as viewer)" -H 'Expect: 100-continue' --data-binary "@$dir/big" "$url/api/v1/monitors"
check "… nor more than a form where no file belongs" http 413 -H "$(as operator2)" -H 'Expect: 100-continue' --data-binary "@$dir/form" "$url/api/v1/checks"
check "no JSON" http 400 -H "$(as admin)" -d 'monitors' "$url/api/v1/monitors"
garbage() { printf 'NONSENSE\x00\xff\r\n\r\n' | timeout 5 bash -c "cat >/dev/tcp/127.0.0.1/$((base + 3))" || true; http 200 "$url/healthz"; }
check "garbage harms nobody" garbage
# raw REQUEST: the codes of all answers on one connection, as printf reads the request.
raw() {
    # shellcheck disable=SC2059 # that is the point
    printf "$1" | timeout 30 curl -s --max-time 20 "telnet://127.0.0.1:$((base + 3))" 2>/dev/null |
        grep -aoE '^HTTP/1.1 [0-9]+' | cut -d ' ' -f 2 | xargs
}
hidden='GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
check "two lengths hide no second request" test "$(raw "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}$hidden")" = 400
check "… nor a length and a coding" test "$(raw "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$hidden")" = 400
check "a request for no host" grep -q '^400' <<<"$(raw 'GET /healthz HTTP/1.1\r\n\r\n')"
# All at once: whoever waits for no answer gets no more tries than who does.
guess() {
    local pids=() n began=$SECONDS most
    for n in $(seq 40); do
        curl -s -o /dev/null -w '%{http_code}\n' -H 'X-Parallax: 1' -d '{"name":"ada","password":"wrong"}' \
            "$url/api/v1/session" >"$dir/guess.$n" &
        pids+=($!)
    done
    wait "${pids[@]}"
    n=$(cat "$dir"/guess.* | grep -c 401)
    most=$((11 + (SECONDS - began + 1) / 6)) # ten at once and then one every 6 s
    [[ $n -ge 1 && $n -le $most ]] || { echo "  $n guesses were looked at"; return 1; }
}
# One more is allowed every 6 s.
slowed_down() {
    local n
    for n in $(seq 60); do
        [[ $("$@") != 429 ]] || return 0
    done
    return 1
}
wrong_token() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer plxt_wrong" "$url/api/v1/status"; }
check "guessing passwords is slowed down, however many at once" guess
check "… and who goes on is told to wait" slowed_down login wrong
check "… and tokens too" slowed_down wrong_token
check "… but not others behind the same proxy" test "$(curl -s -o /dev/null -w '%{http_code}' -H 'X-Forwarded-For: 192.0.2.7' -H 'Authorization: Bearer plxt_wrong' "$url/api/v1/status")" = 401
check "… and who has a good token is not held up by it" http 200 -H "$(as viewer)" "$url/api/v1/status"
check "… nor are questions whether it lives" http 200 "$url/healthz"
check "what was refused is counted" bash -c "curl -s -H '$(as viewer)' $url/metrics | grep -qE '^parallax_http_refused_total\{why=\"forbidden\"\} [1-9]'"

kill "$coordinator"
wait "$coordinator" && ok "it stops with streams open" || not_ok "it stops with streams open"
coordinator=

# ---- behind a proxy that ends TLS, with other options of the daemon ----
lines=$(wc -l <"$dir/coordinator.log")
coordinator_start --http-behind-tls true --log-format json --trace-interval off --retention-days 7 \
    --rollup-minutes 1d --rollup-hours 10d --rollup-days 100d
check "behind TLS" test "$(login 'a long password')" = 200
check "… the cookie travels over https only" grep -qi '^set-cookie: parallax_session=.*; Secure' "$dir/head"
json_log() { tail -n +"$((lines + 1))" "$dir/coordinator.log" | jq -es 'map(.event) | index("ready")' >/dev/null; }
check "a log of JSON" json_log
coordinator_stop
check "no results are kept for no days" exits 2 "$bin/parallax-coordinator" run --data-dir "$dir/coordinator" --retention-days 0
check_report
