#!/usr/bin/env bash
# Checks the style; needs the environment that scripts/test.sh makes.
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv-test/bin/ruff check . "$@"
