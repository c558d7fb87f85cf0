#!/bin/sh
# Runs the Connect conformance suite against the port; arguments go to the suite, for example `--run 'Basic/**'`.
# LANES=off serves every call by connect-es.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
suite=${CONFORMANCE_BIN:-$(PATH=$here/../../.cache/bin:$PATH command -v connectconformance || true)}
if [ -z "$suite" ]; then
  echo 'connectconformance is not installed; run: scripts/parts.sh go' >&2
  exit 1
fi
exec "$suite" --conf "$here/config.yaml" --mode server --max-servers 2 -v "$@" -- \
  "${NODE:-$here/../../node_modules/.bin/node}" "$here/server.ts"
