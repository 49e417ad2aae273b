#!/usr/bin/env bash
# Prints the first Python of 3.11 or newer that can make virtual environments, or says what is missing.
set -euo pipefail

for name in python3.11 python3.12 python3.13 python3.14 python3; do
    path=$(command -v "$name") || continue
    if "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$path"
        exit 0
    fi
done
echo "Forecourt needs Python 3.11 or newer with its venv module, and found none on PATH." >&2
echo "Install it (on Debian or Ubuntu: apt install python3 python3-venv) and run make again." >&2
exit 1
