#!/usr/bin/env bash
# Builds the three Debian packages (parallax, parallax-agent, parallax-coordinator) and has
# lintian look at them: an error or a warning is a failure.
#
#   deploy/build-packages.sh [OUT_DIR]     default: build/packages
#
# Environment: PLX_PACKAGE_VERSION   instead of the programs' own version
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-$repo/build/packages}
build=$repo/build/release
cd "$repo"
# shellcheck source=deploy/packages.sh
source deploy/packages.sh
plx_packages_ensure build package

cmake --preset release >/dev/null
cmake --build --preset release --target package_files
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/parallax*.deb
cd "$build"
cpack -G DEB -B "$out/work" ${PLX_PACKAGE_VERSION:+-R "$PLX_PACKAGE_VERSION"} >"$out/cpack.log" 2>&1 || {
    cat "$out/cpack.log" >&2
    exit 1
}
mv "$out"/work/*.deb "$out"
rm -rf "$out/work"
lintian --no-cfg --fail-on error,warning --display-level '>=warning' "$out"/parallax*.deb
ls -l "$out"/parallax*.deb
