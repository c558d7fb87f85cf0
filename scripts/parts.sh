#!/usr/bin/env bash
# Installs the parts that the tests drive the gateway with, beyond npm's: callers in other languages, a real model
# server, a browser, checkers. Everything lands in .cache/, but for Debian's packages.
#
#   scripts/parts.sh [python] [go] [debian]     without names: all of them
#
# A part that cannot be installed here is named, with the reason, and the others go on; with CI=true it is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .cache/bin

debian_packages=(chromium curl maven openssl prometheus redis-server ruby)

# Path and version of each Go tool; the binary is named after the path's last element, or as before the `=`.
go_tools=(
  github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
  github.com/grpc-ecosystem/grpc-health-probe@v0.4.61
  connectrpc.com/conformance/cmd/connectconformance@v1.0.7
  github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
  google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
  google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
  toxiproxy-server=github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0
)

failed=0

leave_out() {
  printf '%s: left out: %s\n' "$1" "$2" >&2
  if [[ ${CI:-} == true ]]; then failed=1; fi
}

install_python() {
  local venv=.cache/venv stamp=.cache/venv/requirements.txt
  if cmp -s test/support/requirements.txt "$stamp"; then return; fi
  command -v python3 >/dev/null || { leave_out python 'python3 is not installed'; return; }
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { leave_out python 'python3 is older than 3.11'; return; }
  rm -rf "$venv"
  if python3 -m venv "$venv" >.cache/python.log 2>&1 &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r test/support/requirements.txt >>.cache/python.log 2>&1; then
    cp test/support/requirements.txt "$stamp"
  else
    leave_out python 'see .cache/python.log'
  fi
}

install_go() {
  command -v go >/dev/null || { leave_out go 'go is not installed'; return; }
  local tool path name built
  for tool in "${go_tools[@]}"; do
    path=${tool#*=}
    built=${path%@*}
    built=${built##*/}
    name=$built
    if [[ $tool == *=* ]]; then name=${tool%%=*}; fi
    if [[ -x .cache/bin/$name && $(cat ".cache/bin/$name.version" 2>/dev/null) == "$tool" ]]; then continue; fi
    if GOBIN=$PWD/.cache/bin GOFLAGS='' go install "$path" >".cache/$name.log" 2>&1; then
      if [[ $built != "$name" ]]; then mv ".cache/bin/$built" ".cache/bin/$name"; fi
      printf '%s' "$tool" >".cache/bin/$name.version"
    else
      leave_out "$name" "see .cache/$name.log"
    fi
  done
}

install_debian() {
  command -v dpkg-query >/dev/null || { leave_out debian 'not a Debian system'; return; }
  local package missing=()
  for package in "${debian_packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return; fi
  if ((EUID != 0)); then
    leave_out debian "not root; run: sudo apt-get install --no-install-recommends ${missing[*]}"
    return
  fi
  export DEBIAN_FRONTEND=noninteractive

  apt-get install --yes --quiet --no-install-recommends "${missing[@]}" >.cache/debian.log 2>&1 ||
    leave_out debian 'see .cache/debian.log'
}

for part in "${@:-python go debian}"; do
  for name in $part; do
    case $name in
      python | go | debian) "install_$name" ;;
      *) printf 'no such part: %s\n' "$name" >&2; exit 64 ;;
    esac
  done
done
exit "$failed"
