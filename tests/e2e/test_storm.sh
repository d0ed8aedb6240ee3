#!/usr/bin/env bash
# The reconnect storm with 1,000 agents; tests/bench/storm.sh has 5,000 by default.
#
#   test_storm.sh BIN_DIR
#
# Runs alone: 1,000 handshakes at once fill both cores.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../bench/storm.sh" 1000 "$1"
