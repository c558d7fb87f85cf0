#!/usr/bin/env bash
# Measures this tree beside another commit of it, in turn, in one run: scripts/bench-compare.sh REF [options of bench/run.ts]
set -euo pipefail
ref=$1; shift
commit=$(git rev-parse --short "$ref^{commit}")
tree=.cache/bench/$commit
if [ ! -e "$tree/dist/src/main.js" ]; then
  rm -rf "$tree" && mkdir -p "$tree"
  git archive "$commit" | tar x -C "$tree"
  ln -s "$PWD/node_modules" "$tree/node_modules"
  (cd "$tree" && if [ -e rolldown.config.ts ]; then rolldown -c; else tsc -p tsconfig.build.json; fi)
fi
exec node bench/run.ts --alone --other "$commit=$PWD/$tree/dist/src/main.js" "$@"
