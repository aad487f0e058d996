#!/usr/bin/env bash
# Trains enas_lm's published cell on Penn Treebank.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m enas_tf.main --flagfile=flags/ptb_final.flags "$@"
