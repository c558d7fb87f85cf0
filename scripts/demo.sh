#!/usr/bin/env bash
# Starts a real llama.cpp server with a tiny random-weight model, and the gateway before it, until Ctrl-C.
# The text is gibberish; tokens, streams, grammars and usage are real.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
port=${PORT:-8080}
python=.cache/venv/bin/python
model=.cache/tiny-random.gguf

[[ -x $python ]] || { printf 'the demo needs Python 3.11 or newer and its packages: scripts/parts.sh python\n' >&2; exit 1; }
maker=test/support/llama/make_model.py
[[ $model -nt $maker ]] || "$python" "$maker" "$model"

coproc LLAMA { exec "$python" test/support/llama/serve.py "$model" 0 2>.cache/llama.log; }
llama=$LLAMA_PID
trap 'kill "$llama" 2>/dev/null || true; wait "$llama" 2>/dev/null || true' EXIT
read -r _ url <&"${LLAMA[0]}" || { printf 'llama.cpp did not start; see .cache/llama.log\n' >&2; exit 1; }

cat >.cache/demo.yaml <<YAML
server: { port: $port }
providers:
  llama: { type: openai-compatible, base_url: $url/v1, models: [tiny-random] }
models:
  - { name: demo, targets: [{ provider: llama, model: tiny-random }] }
YAML

cat <<TEXT
llama.cpp serves tiny-random at $url; the gateway serves it at http://127.0.0.1:$port. In another terminal:

  curl -N http://127.0.0.1:$port/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{"model":"demo","stream":true,"max_tokens":60,"messages":[{"role":"user","content":"Hello"}]}'

  node_modules/.bin/node dist/src/main.js call --address 127.0.0.1:$port --stream --max-tokens 60 --model demo 'Hello'

TEXT
node dist/src/main.js serve --config .cache/demo.yaml
