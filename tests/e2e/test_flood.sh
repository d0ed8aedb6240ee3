#!/usr/bin/env bash
# The short flood: tests/bench/flood.sh has the whole one.
#
#   test_flood.sh BIN_DIR
#
# Runs alone: strangers and coordinator fill both cores.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../bench/flood.sh" "$1"
