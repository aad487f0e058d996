#!/usr/bin/env bash
# Checks style and types; needs the environment that scripts/test.sh makes.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv-test/bin/ruff check .
.venv-test/bin/ruff format --check .
exec .venv-test/bin/mypy "$@"
