#!/usr/bin/env bash
# Makes a client from the server's OpenAPI document by a public generator, and lets it
# administer a server of its own on loopback.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$work" api
}
trap finish EXIT

(cd ../.. && CGO_ENABLED=0 go build -buildvcs=false -o "$work/twofold" ./cmd/twofold)
"$work/twofold" openapi >"$work/openapi.yaml"
rm -rf api
mkdir api
go tool oapi-codegen -generate types,client -package api -o api/api.gen.go "$work/openapi.yaml"
go build -buildvcs=false -o "$work/client" .

secret=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
sed "s/SECRET/$secret/" sample.yaml >"$work/sample.yaml"
port=$((20000 + RANDOM % 20000))
export TWOFOLD_DATABASE=sqlite:$work/twofold.db
"$work/twofold" apply "$work/sample.yaml" >/dev/null
"$work/twofold" serve --listen "127.0.0.1:$port" --ops-listen '' --public-url "http://127.0.0.1:$port" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do
  (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }
  sleep 0.1
done
TWOFOLD_URL=http://127.0.0.1:$port TWOFOLD_SECRET=$secret "$work/client"
