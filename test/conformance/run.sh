#!/bin/sh
# Runs the Connect conformance suite against the port; arguments go to the suite, for example `--run 'Basic/**'`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
suite=${CONFORMANCE_BIN:-$(command -v connectconformance || true)}
if [ -z "$suite" ]; then
  echo 'connectconformance is not installed: go install connectrpc.com/conformance/cmd/connectconformance@v1.0.7' >&2
  exit 1
fi
exec "$suite" --conf "$here/config.yaml" --mode server --max-servers 2 -v "$@" -- \
  "${NODE:-$here/../../node_modules/.bin/node}" "$here/server.ts"
