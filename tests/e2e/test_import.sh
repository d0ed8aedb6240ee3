#!/usr/bin/env bash
# `parallax import` on the documented shapes of each tool's configuration: every TCP check
# arrives with interval, timeout, thresholds and alert settings; the rest is reported; what
# comes out passes apply --check.
#
#   test_import.sh BIN_DIR
set -euo pipefail

parallax=$1/parallax
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
samples=$repo/tests/import
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

quietly() { "$@" >/dev/null; }

# import NAME TOOL FILE…: both outputs under that name; the YAML must be good for apply.
import() {
    local name=$1 code=0
    shift
    "$parallax" import "$@" >"$dir/$name.yaml" 2>"$dir/$name.report" || code=$?
    "$parallax" import "$@" --output json >"$dir/$name.json" || true
    [[ $code -eq 1 ]] || not_ok "$name: exit code $code, though entries were left out"
    check "$name: apply takes it" quietly "$parallax" apply --check -f "$dir/$name.yaml"
    # The same monitors in both spellings.
    jq '{monitors}' "$dir/$name.json" >"$dir/$name.monitors.json"
    check "$name: apply takes the JSON" quietly "$parallax" apply --check -f "$dir/$name.monitors.json"
}

# has NAME MONITOR JQ: what the monitor must fulfil.
has() {
    if [[ $(jq --arg m "$2" ".monitors[] | select(.name == \$m) | $3" "$dir/$1.json") == true ]]; then
        ok "$1: $2: $3"
    else
        not_ok "$1: $2: $3"
        jq -c --arg m "$2" '.monitors[] | select(.name == $m)' "$dir/$1.json"
    fi
}

# says NAME TEXT: the report, in both spellings.
says() {
    if grep -qF -- "$2" "$dir/$1.report" && jq -r '.report[].text' "$dir/$1.json" | grep -qF -- "${2##*: }"; then
        ok "$1 reports: $2"
    else
        not_ok "$1 reports: $2"
        cat "$dir/$1.report"
    fi
}

# only NAME N: so many monitors and no more.
only() { check "$1: $2 monitors" [ "$(jq '.monitors | length' "$dir/$1.json")" = "$2" ]; }

import gatus gatus "$samples/gatus.yaml"
only gatus 5
has gatus core/redis '.host == "127.0.0.1" and .port == 6379'
has gatus core/redis '.check_interval == "30s" and .timeout == "3s" and .degraded_above == "250ms"'
has gatus core/redis '.alert_on_failure and .consecutive_failures_before_alert == 5 and .recovery_successes == 4'
has gatus core/redis '.labels.group == "core"'
has gatus telnet-stays-closed '.expect == "closed" and .check_interval == "1m" and (.alert_on_failure | not)'
has gatus ssh-example '.greeting == "ssh" and .paused'
has gatus tls-ldaps-example '.port == 636 and .check_interval == "30m"'
says gatus "core/front-end: 'https://example.org/health' is no TCP check"
says gatus "ping-example: 'icmp://example.org' is no TCP check"
says gatus "example-dns-query: '8.8.8.8' is no TCP check"
says gatus "the condition '[CERTIFICATE_EXPIRATION] > 48h'"
says gatus "ssh-example: body: no equivalent"
says gatus "alerts with different thresholds: the lowest one is taken"
says gatus "alerts.description: no equivalent"
says gatus "storage: no equivalent"

import kuma uptime-kuma "$samples/kuma.json"
sqlite3 "$dir/kuma.db" <"$samples/kuma.sql"
import kuma_db uptime-kuma "$dir/kuma.db"
for name in kuma kuma_db; do
    only $name 2
    has $name PostgreSQL '.host == "db.example.org" and .port == 5432'
    has $name PostgreSQL '.check_interval == "1m" and .timeout == "48s"'
    has $name PostgreSQL '.consecutive_failures_before_alert == 4 and .alert_on_failure'
    has $name PostgreSQL '.labels.team == "data base"'
    has $name 'Telnet stays closed' '.expect == "closed" and .paused and (.alert_on_failure | not)'
    says $name "Website: type 'http' is no TCP check"
    says $name "Router: type 'ping' is no TCP check"
    says $name "retries after 20 s"
    says $name "resendInterval"
    says $name "notification 'Ops Slack': make a receiver"
done
check "kuma: the database says what the backup says" \
    diff <(jq -S .monitors "$dir/kuma.json") <(jq -S .monitors "$dir/kuma_db.json")

import blackbox blackbox "$samples/blackbox.yml" "$samples/prometheus.yml" "$samples/rules.yml"
only blackbox 6
has blackbox blackbox-tcp/db.example.org:5432 '.port == 5432 and .check_interval == "30s" and .timeout == "5s"'
has blackbox blackbox-tcp/db.example.org:5432 '.consecutive_failures_before_alert == 4 and .alert_on_failure'
has blackbox blackbox-tcp/192.0.2.10:6379 '.labels.team == "data" and .labels.job == "blackbox-tcp"'
has blackbox banners/bastion.example.org:22/ssh_banner '.ip == 4 and (.greeting | length) == 2'
has blackbox banners/bastion.example.org:22/smtp_starttls '(.greeting | length) == 5'
has blackbox banners/bastion.example.org:22/irc_banner '.greeting == null and .port == 22'
has blackbox banners/bastion.example.org:22/ssh_banner '(.alert_on_failure | not)'
says blackbox "query_response from step 6 on: starttls"
says blackbox "query_response from step 3 on: a 'send' with parts of what was expected"
says blackbox "query_response: what is left of it cannot be a greeting"
says blackbox "tls: the handshake and the certificate are not checked"
says blackbox "tcp.tls_config: no equivalent"
says blackbox "web: the module 'http_2xx' (http) is no TCP check"
says blackbox "node: a job without a module of blackbox_exporter"
says blackbox "CertificateEnds: a rule that is not about probe_success == 0"

import cloudprober cloudprober "$samples/cloudprober.cfg"
only cloudprober 4
has cloudprober web_ports/web-1.example.org '.port == 443 and .check_interval == "10s" and .timeout == "2s"'
has cloudprober web_ports/web-2.example.org:8443 '.port == 8443 and .ip == 4'
has cloudprober web_ports/db '.host == "192.0.2.20" and .port == 5432'
has cloudprober web_ports/db '.consecutive_failures_before_alert == 3 and .alert_on_failure and .labels.env == "prod"'
has cloudprober closed/192.0.2.30 '.expect == "closed" and .check_interval == "2s" and .timeout == "1s"'
says cloudprober "google_homepage: type HTTP is no TCP check"
says cloudprober "targets.k8s: only targets that are named can be taken"
says cloudprober "3 failures of 5 become 3 in a row"
says cloudprober "alert.notify: no equivalent"
says cloudprober "validator: no equivalent"
says cloudprober "surfacer: no equivalent"

# ---- odd ones -----------------------------------------------------------------------------

odd=$samples/odd
import odd_gatus gatus "$odd/gatus-global.yaml" "$odd/gatus-backend.yaml"
only odd_gatus 2
has odd_gatus v6 '.host == "2001:db8::7" and .port == 5432 and .check_interval == "1m30s"'
has odd_gatus v6 '.consecutive_failures_before_alert == 6 and .recovery_successes == 3'
has odd_gatus v6 '.degraded_above == "800ms"'
has odd_gatus patient '.consecutive_failures_before_alert == 100 and .timeout == "5s"'
says odd_gatus "patient: failure-threshold '500' becomes 100"
says odd_gatus "patient: the timeout 12s becomes 5s"
says odd_gatus "from-the-environment: 'tcp://\${DB_HOST}:5432' names no host and port"
says odd_gatus "quic: 'udp://example.org:443' is no TCP check"
says odd_gatus "checkout: a suite"

import odd_kuma uptime-kuma "$odd/kuma.json"
only odd_kuma 4
has odd_kuma v6 '.host == "2001:db8::5" and .timeout == "16s" and .consecutive_failures_before_alert == 1'
has odd_kuma 'many retries' '.consecutive_failures_before_alert == 100 and .labels.a_b == "true"'
has odd_kuma long '.check_interval == "24h" and .timeout == "1m" and .paused'
says odd_kuma "long: the interval 27h46m40s becomes 24h"
name="a name of far more than one hundred and twenty-eight bytes, as in a sentence: the database of the ordering system in München f"
has odd_kuma "$name" '.host == "m.example.org" and .check_interval == "24h" and .timeout == "1m"'
says odd_kuma "the long name becomes '$name'"
says odd_kuma "no port: port: port '0': must be 1 to 65535"
says odd_kuma "redis: type 'redis' is no TCP check"

# The module by a label, by the address, a port put behind it, rules with matchers.
import odd_blackbox blackbox "$odd/blackbox.yml" "$odd/prometheus.yml" "$odd/rules.yml"
only odd_blackbox 5
has odd_blackbox by-label/a.example.org:22/ssh_banner '(.greeting | length) == 1 and (.alert_on_failure | not)'
has odd_blackbox by-label/b.example.org:5432/tcp_connect '.consecutive_failures_before_alert == 3 and .labels.team == "db"'
has odd_blackbox by-name/d.example.org:6379 '.port == 6379 and (.alert_on_failure | not)'
has odd_blackbox by-name/e.example.org:6379 '.host == "e.example.org" and .consecutive_failures_before_alert == 30'
has odd_blackbox at-signs/f.example.org:25/tcp_connect '.port == 25 and .consecutive_failures_before_alert == 100'
says odd_blackbox "by-name: 'skip.example.org', which relabel_configs drops there"
says odd_blackbox "the module 'http_2xx' (http) is no TCP check"
says odd_blackbox "discovered: file_sd_configs: only targets of static_configs can be taken"
says odd_blackbox "discovered: relabel_configs: the 1. rule: an action that is not known here"
says odd_blackbox "the rule 'Hour' waits for 360 failures: 100"
says odd_blackbox "the rule 'Never' waits for 461164320 failures: 100"
says odd_blackbox "Both: a rule that is not about probe_success == 0: probe_success == 0 and on() up == 1"

import odd_cloudprober cloudprober "$odd/cloudprober.cfg"
only odd_cloudprober 5
has odd_cloudprober pg/db-2.example.org '.port == 5432 and .check_interval == "15s" and .timeout == "2s500ms"'
says odd_cloudprober "pg/v6: alerts with different conditions: the lowest one is taken"
has odd_cloudprober pg/v6 '.consecutive_failures_before_alert == 2'
has odd_cloudprober pg/v6 '.host == "2001:db8::9" and .alert_on_failure'
has odd_cloudprober 'many/[2001:db8::1]:25' '.port == 25 and .consecutive_failures_before_alert == 100'
has odd_cloudprober tls/www.example.org '.port == 443 and (.alert_on_failure | not)'
says odd_cloudprober "targets.shared_targets 'nowhere' is not in the file"
says odd_cloudprober "targets.rds_targets: only targets that are named can be taken"
says odd_cloudprober "tcp_probe.tls_handshake: no equivalent"

# What cannot be read at all: exit 2, a sentence, no monitors.
refused() {
    local code=0 out
    out=$("$parallax" import "$1" "$2" 2>&1 >"$dir/out") || code=$?
    check "$3" [ "$code" = 2 ] && [[ $out == *"$4"* && ! -s $dir/out ]] || not_ok "$3: $out"
}
printf 'probe { name: "x" {{ if }} }' >"$dir/template.cfg"
refused cloudprober "$dir/template.cfg" "a template is refused" "a template"
printf 'include "team1.cfg"\n' >"$dir/include.cfg"
refused cloudprober "$dir/include.cfg" "an include is refused" "give the file it names as well"
printf 'x: &a 1\n' >"$dir/anchor.yaml"
refused gatus "$dir/anchor.yaml" "an anchor is refused" "anchors are not accepted"
printf '{"monitorList": 1}' >"$dir/bad.json"
refused uptime-kuma "$dir/bad.json" "no list of monitors" "monitorList"
refused nagios "$dir/bad.json" "an unknown tool" "no tool"

check_report
