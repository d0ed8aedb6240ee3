#!/usr/bin/env bash
# An agent that is killed and started again while the coordinator is away goes on probing
# its last assignment, and what it saw arrives when the coordinator is back.
#
#   test_restart.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/coordinator.sh
. "$here/../lib/coordinator.sh"

# Results the agent has numbered so far, over all its streams.
numbered() {
    sqlite3 -readonly "file:$dir/us-east-1/spool.db?mode=ro" 'SELECT sum(last) FROM stream'
}
numbered_more_than() { [[ $(numbered) -gt $1 ]]; }

coordinator_start
agent_enrol us-east-1
agent_start us-east-1
cat >"$dir/monitors.yaml" <<'YAML'
monitors:
  - {monitor_type: tcp, name: r1, host: 127.0.3.1, port: 9, check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}
  - {monitor_type: tcp, name: r2, host: localhost, port: 9, check_interval: 1s, timeout: 500ms, locations: [all], expect: refused}
YAML
p apply -f "$dir/monitors.yaml" >/dev/null
check "results are made" until_ok 30 numbered_more_than 4
check "the assignment is kept" until_ok 20 test -s "$dir/us-east-1/assignment"
coordinator_stop KILL
agent_stop us-east-1 KILL
before=$(numbered)
agent_start us-east-1
check "without the coordinator, the agent goes on" until_ok 20 numbered_more_than $((before + 6))
check "it says so" grep -q 'assignment_loaded.*monitors=2' "$dir/us-east-1.log"
coordinator_start
check "the coordinator is back and has them" until_ok 40 p status r1
check_report
