#!/bin/sh
# An agent in a container: joins at its first start, with the token of a file, and runs.
#
#   PARALLAX_TOKEN_FILE   the file (default /run/secrets/parallax-token); waited for
#   PARALLAX_NAME         the name wished for (default: the coordinator gives one)
#   PARALLAX_CONFIG       default /etc/parallax/agent.yaml
#   PARALLAX_DATA_DIR     default /var/lib/parallax-agent
set -eu

data=${PARALLAX_DATA_DIR:-/var/lib/parallax-agent}
config=${PARALLAX_CONFIG:-/etc/parallax/agent.yaml}
token=${PARALLAX_TOKEN_FILE:-/run/secrets/parallax-token}

if [ ! -e "$data/enrolment.yaml" ]; then
    tries=300
    until [ -s "$token" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "no token in $token" >&2; exit 1; }
        sleep 1
    done
    # A token of a folder that others can read is still good only once, or so often as said.
    parallax-agent enroll "$(cat "$token")" --data-dir "$data" --config "$config" \
        ${PARALLAX_NAME:+--name "$PARALLAX_NAME"}
fi
exec parallax-agent run --config "$config" --data-dir "$data" "$@"
