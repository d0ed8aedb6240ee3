#!/usr/bin/env bash
# The shell gate: no warning of shellcheck in any script that is run, nor in what it sources.
set -euo pipefail
cd "$1"
mapfile -t files < <(git ls-files -s '*.sh' .ci/run | awk '$1 == "100755" {print $4}')
for file in "${files[@]}"; do
    shellcheck -S warning -x -P SCRIPTDIR -P . "$file"
done
echo "shellcheck: ${#files[@]} files"
