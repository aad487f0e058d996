#!/usr/bin/env bash
# Makes the test environment, checks the style and runs the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e .venv-test/ready ]; then
  python3 -m venv .venv-test
  .venv-test/bin/pip install --quiet -e '.[test]'
  touch .venv-test/ready
fi
.venv-test/bin/ruff check .
exec env TF_CPP_MIN_LOG_LEVEL=2 .venv-test/bin/python -m pytest "$@"
