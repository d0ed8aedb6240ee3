#!/usr/bin/env bash
# The shell gate: every script that is run passes shellcheck, with what it sources.
set -euo pipefail
cd "$1"
mapfile -t files < <(git ls-files -s '*.sh' .ci/run | awk '$1 == "100755" {print $4}')
for file in "${files[@]}"; do
    shellcheck -x -P SCRIPTDIR -P . "$file"
done
echo "shellcheck: ${#files[@]} files"
