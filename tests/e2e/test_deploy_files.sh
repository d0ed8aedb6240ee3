#!/usr/bin/env bash
# What of the deployment files can be tried without an engine: the containers' agent entry
# and the compose file's token service with real programs, the configurations in them, the
# Ansible playbook's syntax. That the files hold together is gate_deploy's; what is not
# tried at all is named in docs/howto/fleet.md.
#
#   test_deploy_files.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
# shellcheck source=tests/lib/ports.sh
. "$repo/tests/lib/ports.sh"
dir=$(mktemp -d /tmp/plx-deploy-XXXXXX)
pids=()
export PATH=$bin:$PATH

cleanup() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap cleanup EXIT

p() { parallax --data-dir "$dir/coordinator" "$@"; }

# of FILE PATH…: a value in a YAML file.
of() { python3 -c 'import sys, yaml
value = yaml.safe_load(open(sys.argv[1]))
for key in sys.argv[2:]: value = value[int(key) if key.isdigit() else key]
print(value)' "$@"; }

compose=$repo/deploy/containers/compose.yaml
check "Kubernetes: the coordinator's configuration is good" \
    parallax-coordinator config check "$repo/deploy/kubernetes/base/coordinator-config.yaml"
check "… and the agents'" parallax-agent config check "$repo/deploy/kubernetes/agents/agent-config.yaml"
of "$compose" configs prometheus content >"$dir/prometheus.yml"
cp "$repo/deploy/prometheus/rules.yml" "$dir/"
mkdir "$dir/tokens"
sed -i "s#/tokens#$dir/tokens#" "$dir/prometheus.yml"

parallax-coordinator run --data-dir "$dir/coordinator" --advertise 127.0.0.1 \
    --listen "tcp://127.0.0.1:$base" --enrol-listen "tcp://127.0.0.1:$((base + 1))" \
    --admin-listen "tcp://127.0.0.1:$((base + 2))" --http-listen off >"$dir/c.log" 2>&1 &
pids+=($!)
check "a coordinator" until_ok 30 p health

# The service's own words, with this test's folders in the place of its volumes.
of "$compose" services tokens command 0 | sed "s#\\\$\\\$#\$#g; s#/tokens/#$dir/tokens/#g; s#/var/lib/parallax#$dir/coordinator#g" >"$dir/tokens.sh"
check "compose: tokens are made" sh -ec "$(cat "$dir/tokens.sh")"
sum=$(cat "$dir"/tokens/* | sha256sum)
check "… once" sh -ec "$(cat "$dir/tokens.sh")"
check "… and are the same then" [ "$(cat "$dir"/tokens/* | sha256sum)" = "$sum" ]
check "compose: Prometheus takes its configuration" promtool check config "$dir/prometheus.yml"

start_agent() {
    PARALLAX_TOKEN_FILE=$dir/tokens/us-east PARALLAX_NAME=us-east-1 PARALLAX_DATA_DIR=$dir/agent \
        PARALLAX_CONFIG=$repo/deploy/examples/agent.yaml \
        "$repo/deploy/containers/agent-entry.sh" >>"$dir/a.log" 2>&1 &
    pids+=($!)
}
live() { [[ $(p agents show us-east-1 --output json | jq -r '.agent.state + " " + .agent.region') == "live us-east" ]]; }

mkdir -m 700 "$dir/agent"
start_agent
check "the agent's entry enrols it and runs it" until_ok 30 live
kill "${pids[-1]}" && wait "${pids[-1]}" || true
rm "$dir/tokens/us-east"
start_agent
ran_again() { [[ $(grep -c event=link_up "$dir/a.log") -ge 2 ]]; }
check "… and runs again without a token" until_ok 30 ran_again
doctor() { PARALLAX_ADMIN='' parallax doctor --agent-dir "$dir/agent" --agent-config "$repo/deploy/examples/agent.yaml" --no-color; }
content() { doctor >/dev/null; }
check "its health check is content" content
kill "${pids[-1]}" && wait "${pids[-1]}" || true
rm -rf "$dir/agent" && mkdir -m 700 "$dir/agent"
sick() { ! doctor >/dev/null; }
check "… and not without an enrolment" sick

check "Ansible takes the playbook" env ANSIBLE_ROLES_PATH="$repo/deploy/ansible/roles" \
    ANSIBLE_LOCALHOST_WARNING=false HOME="$dir" ansible-playbook --syntax-check \
    -i "$repo/deploy/ansible/inventory.example.yml" "$repo/deploy/ansible/agents.yml"
check_report
