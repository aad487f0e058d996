#!/usr/bin/env bash
# Searches the macro space on CIFAR-10 by the original's recipe.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m enas_tf.main --flagfile=flags/cifar10_macro_search.flags "$@"
