#!/usr/bin/env bash
# Searches a recurrent cell on Penn Treebank by enas_lm's recipe.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m enas_tf.main --flagfile=flags/ptb_search.flags "$@"
