#!/usr/bin/env bash
# Man pages, completions and the changelog of the packages, made from the built programs,
# so that they say what --help says.
#
#   deploy/man.sh BIN_DIR OUT_DIR
set -euo pipefail

bin=$1
out=$2
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8 COLUMNS=80
mkdir -p "$out"

# plain TEXT: for scdoc, in which these mean something.
plain() { sed 's/[][\\*_`#<>~+|.]/\\&/g'; }

# literal: as it stands. Long lines would be broken at odd places.
literal() {
    printf '```\n'
    cat
    printf '```\n\n'
}

title() { printf '%s(%s)\n\n# NAME\n\n%s - %s\n\n' "$1" "$2" "$1" "$3"; }

# The paths of all commands, in the order of --help.
commands() {
    "$bin/parallax" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]\)/\1/p' |
        sed -E 's/(  +| [A-Z[<-]| [a-z]+\|).*//'
}

parallax_page() {
    local path
    title parallax 1 "watch TCP services from many places"
    printf '# SYNOPSIS\n\n*parallax* COMMAND [OPTION…] [ARGUMENT…]\n\n# DESCRIPTION\n\n'
    printf 'Parallax watches TCP services from many places and says what broke. This '
    printf 'command talks to its coordinator; *parallax-coordinator*(8) writes the file '
    printf 'with the keys it needs, admin.yaml, into its data folder.\n\n# COMMANDS\n\n'
    while read -r path; do
        printf '## parallax %s\n\n' "$path"
        # shellcheck disable=SC2086 # the path is words
        "$bin/parallax" $path --help | sed '/^options of every command:/,$d' | literal
    done < <(commands)
    printf '# OPTIONS OF EVERY COMMAND\n\n'
    "$bin/parallax" --help | sed -n '/^options of every command:/,/^$/p' | sed 1d | literal
    printf '# EXIT STATUS\n\n'
    "$bin/parallax" --help | sed -n '/^exit codes:/,$p' | literal
    printf '# ENVIRONMENT\n\n*PARALLAX_ADMIN*\n\tThe admin file.\n\n*NO_COLOR*\n\tNo colours.\n\n'
    printf '# FILES\n\n_~/.config/parallax/admin.yaml_, _/var/lib/parallax/admin.yaml_\n\n'
    printf '# SEE ALSO\n\n*parallax-agent*(8), *parallax-coordinator*(8)\n'
}

agent_page() {
    local command
    title parallax-agent 8 "probe TCP services from here"
    printf '# SYNOPSIS\n\n*parallax-agent* COMMAND …\n\n# DESCRIPTION\n\n'
    "$bin/parallax-agent" --help | literal
    printf '# COMMANDS\n\n'
    for command in $("$bin/parallax-agent" --help | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p'); do
        printf '## parallax-agent %s\n\n' "$command"
        "$bin/parallax-agent" "$command" --help | literal
    done
    printf '# SIGNALS\n\n*SIGTERM*, *SIGINT*\n\tKeep what is not delivered and end.\n\n'
    printf '*SIGHUP*\n\tRead the configuration file again.\n\n'
    printf '# FILES\n\n_/etc/parallax/agent.yaml_\n\tIts configuration, commented.\n\n'
    printf '_/var/lib/parallax-agent_\n\tKey, enrolment and results not yet delivered.\n\n'
    printf '# SEE ALSO\n\n*parallax*(1), *parallax-coordinator*(8)\n'
}

coordinator_page() {
    title parallax-coordinator 8 "conclude what broke"
    printf '# SYNOPSIS\n\n*parallax-coordinator* run --data-dir DIR [OPTION…]\n\n'
    printf '*parallax-coordinator* config check FILE\n\n'
    printf '# DESCRIPTION\n\n'
    "$bin/parallax-coordinator" --help | literal
    printf '# SIGNALS\n\n*SIGTERM*, *SIGINT*\n\tCommit what waits and end.\n\n'
    printf '*SIGHUP*\n\tRead the configuration file again.\n\n'
    printf '# FILES\n\n_/etc/parallax/coordinator.yaml_\n\tIts configuration, commented.\n\n'
    printf '_/var/lib/parallax_\n\tDatabase, keys and admin.yaml.\n\n'
    printf '# SEE ALSO\n\n*parallax*(1), *parallax-agent*(8)\n'
}

# page NAME SECTION FUNCTION. The date is that of the source, so that a page built again
# is the same page.
page() {
    "$3" >"$out/$1.$2.scd"
    scdoc <"$out/$1.$2.scd" >"$out/$1.$2"
    gzip -9nf <"$out/$1.$2" >"$out/$1.$2.gz"
}

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$repo" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
page parallax 1 parallax_page
page parallax-agent 8 agent_page
page parallax-coordinator 8 coordinator_page

for shell in bash zsh fish; do
    case $shell in
    zsh) file=_parallax ;;
    *) file=parallax.$shell ;;
    esac
    "$bin/parallax" completion "$shell" >"$out/$file"
done

version=${PLX_PACKAGE_VERSION:-$("$bin/parallax" --version | cut -d' ' -f2)}
{
    printf 'parallax (%s) unstable; urgency=medium\n\n' "$version"
    printf '  * See CHANGELOG.md of the source.\n\n'
    printf ' -- The Parallax authors <maintainers@parallax.example>  %s\n' \
        "$(date -uRd "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$out/changelog.gz"
