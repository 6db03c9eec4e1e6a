#!/usr/bin/env bash
# Builds the server, makes a certificate for loopback and lets the clients sign in.
# Everything goes into a folder that is removed at the end.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 711 "$work" # Apache gives its rights up, and still reads the certificate
export CGO_ENABLED=0
(cd ../.. && go build -buildvcs=false -o "$work/twofold" ./cmd/twofold && go build -buildvcs=false -o "$work/go-party" ./test/clients/parties/go)
# https, because client libraries relax their checks for http. Go brings the tool.
(cd "$work" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" --host "127.0.0.1,wiki.example,shop.example,board.example,ledger.example" --ca --ecdsa-curve P256 --duration 24h 2>/dev/null)
NODE_EXTRA_CA_CERTS=$work/cert.pem TWOFOLD_TEST_WORK=$work node main.mjs "$@"
