#!/usr/bin/env bash
# The formatter gate: every C file is as clang-format writes it.
set -euo pipefail
cd "$1"
command -v clang-format-14 >/dev/null || { echo "clang-format-14 is missing"; exit 1; }
mapfile -t files < <(git ls-files '*.c' '*.h')
clang-format-14 --dry-run --Werror "${files[@]}"
echo "formatted: ${#files[@]} files"
