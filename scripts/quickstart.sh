#!/usr/bin/env bash
# Makes an environment, then searches, trains and exports a digit classifier.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e .venv/ready ]; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet -e '.[demo]'
  touch .venv/ready
fi
exec .venv/bin/python -m enas_tf.main --flagfile=flags/quickstart.flags "$@"
