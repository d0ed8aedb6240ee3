#!/usr/bin/env bash
# Every command, option and key of the schema is documented, and nothing else is: in docs/,
# in --help and in the man pages.
#
#   test_cli_docs.sh BIN_DIR
set -euo pipefail

parallax=$1/parallax
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
docs=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../docs" && pwd)
failed=0

# same WHAT: two lists on descriptors 3 and 4 hold the same lines.
same() {
    if ! diff <(sort <&3) <(sort <&4); then
        printf 'FAILED: %s: < the program, > the documents\n' "$1"
        failed=1
    fi
}

# The first column of a table: between the first pair of backquotes of each row.
# shellcheck disable=SC2016
first_column() { sed -n 's/^| `\([^`]*\)`.*/\1/p'; }

same commands \
    3< <("$parallax" --help | sed -n '/^commands:/,/^$/s/^  \(\S.*\S\)   *[A-Z].*/\1/p' |
        sed 's/  .*//') \
    4< <(sed -n '/^## Commands/,/^## The daemons/p' "$docs/CLI.md" | first_column | sed 's/[\]//g')

# An unknown key is answered with the closest known one: each documented key must be known.
for key in $(sed -n '/^## Keys/,/^## Greetings/p' "$docs/MONITORS.md" | first_column); do
    out=$(printf 'host: h\nport: 1\nlocations: [all]\n%s_: 1\n' "$key" |
        "$parallax" apply --check -f - 2>&1) || true
    [[ $out == *"did you mean '$key'?" ]] || {
        printf 'FAILED: key %s: %s\n' "$key" "$out"
        failed=1
    }
done

for shell in bash zsh; do
    "$parallax" completion $shell >/dev/null || failed=1
done
bash -n <("$parallax" completion bash) || failed=1

# What bash would offer.
offers() {
    bash -c 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _parallax; printf "%s\n" "${COMPREPLY[*]}"' "$parallax" "$@"
}
[[ $(offers parallax st) == status ]] || { echo "FAILED: completion of st"; failed=1; }
[[ $(offers parallax -o json agents token re) == revoke ]] ||
    { echo "FAILED: completion of agents token re"; failed=1; }
[[ $(offers parallax apply --dr) == --dry-run ]] ||
    { echo "FAILED: completion of apply --dr"; failed=1; }

# The man pages, as they are installed, by command and option.
# shellcheck source=deploy/packages.sh
. "$repo/deploy/packages.sh"
plx_packages_ensure package
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$repo/deploy/man.sh" "$1" "$pages" >/dev/null
"$repo/tests/e2e/cli_docs.py" "$1" "$pages" "$repo" || failed=1

exit $failed
