#!/usr/bin/env bash
# The README's and the how-to guides' commands and files, word for word, in a network of
# their own with the quickstart's coordinator. The tutorial's are run by test_packages.sh,
# which has the three machines. What is not run is listed, with its reason.
#
#   test_docs_commands.sh BIN_DIR
set -euo pipefail
bin=$(cd "$1" && pwd)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/check.sh
. "$repo/tests/lib/check.sh"
dir=$(mktemp -d /tmp/plx-docs-XXXXXX)
ns=plxdocs$$
export PLX_QUICKSTART_DIR=$dir/data PLX_BUILD_DIR=${bin%/bin}

in_ns() { ip netns exec "$ns" "$@"; }

cleanup() {
    set +e
    in_ns "$repo/deploy/quickstart.sh" --stop >/dev/null 2>&1
    ip netns pids "$ns" | xargs -r kill 2>/dev/null
    ip netns del "$ns"
    rm -rf "$dir"
}
trap cleanup EXIT

ip netns add "$ns"
ip -n "$ns" link set lo up
# The pages' relative paths are the repository's; what they write goes elsewhere.
mkdir "$dir/here"
for name in deploy tests docs; do ln -s "$repo/$name" "$dir/here/$name"; done
here="ip netns exec $ns env -C $dir/here TMPDIR=$dir bash"

follow() { "$repo/tests/lib/doc_run.py" "$repo/$1" --machine "here=$here"; }

check "README.md, word for word" follow README.md
# The guides' commands find the coordinator as the README says.
here="ip netns exec $ns env -C $dir/here TMPDIR=$dir PATH=$bin:$PATH PARALLAX_ADMIN=$dir/data/coordinator/admin.yaml bash"
for page in "$repo"/docs/howto/*.md; do
    name=docs/howto/$(basename "$page")
    [[ $name == */README.md ]] || check "$name" follow "$name"
done

check_report
