#!/usr/bin/env bash
# Makes the test environment, checks style and types and runs the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! .venv-test/ready -nt pyproject.toml ]; then
  python3 -m venv .venv-test
  .venv-test/bin/pip install --quiet -e '.[test]'
  touch .venv-test/ready
fi
./scripts/lint.sh
exec env TF_CPP_MIN_LOG_LEVEL=2 .venv-test/bin/python -m pytest \
  --numprocesses=auto --dist=loadfile --no-loadscope-reorder "$@"
