"""Arcs that papers published, by name, with their source."""

from enas_tf.spaces import macro, micro

# Pham et al. 2018, https://arxiv.org/abs/1802.03268, figure 8; the integers
# stand in the original's scripts/cifar10_micro_final.sh.
_ENAS_MICRO = (
  "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 "
  "1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"
)

MICRO = {
  "enas_micro": micro.MicroSpace(num_cells=5).decode(_ENAS_MICRO.split()),
}

# The 24 layers that the original's scripts/cifar10_macro_final.sh trains; their
# parameters are not as many as the paper (section 3.2) reports.
_ENAS_MACRO = """
0
3 0
0 1 0
2 0 0 1
2 0 0 0 0
3 1 1 0 1 0
2 0 0 0 0 0 1
2 0 1 1 0 1 1 1
1 0 1 1 1 0 1 0 1
0 0 0 0 0 0 0 0 0 0
2 0 0 0 0 0 1 0 0 0 0
0 1 0 0 1 1 0 0 0 0 1 1
2 0 1 0 0 0 0 0 1 0 1 1 0
1 0 0 1 0 0 0 1 1 1 0 1 0 1
0 1 1 0 1 0 1 0 0 0 0 0 1 0 0
2 0 0 1 0 0 0 0 0 0 0 1 0 1 0 1
2 0 1 0 0 0 1 0 0 1 1 1 1 0 0 1 0
2 0 0 0 0 1 0 1 0 1 0 0 1 0 1 0 0 1
3 0 1 1 0 1 0 0 0 0 0 1 0 1 0 1 0 0 0
3 0 1 1 0 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1
0 1 0 0 1 0 1 1 0 0 0 1 0 0 0 0 0 1 1 0 0
3 0 1 0 1 1 0 0 1 0 1 1 0 1 1 0 1 0 0 1 0 0
0 1 0 1 0 1 0 0 0 0 0 0 0 0 1 0 1 0 0 1 0 0 0
0 1 1 0 0 0 1 1 1 0 1 0 0 0 1 0 1 0 0 1 1 0 0 0
"""

MACRO = {
  "enas_macro": macro.MacroSpace(num_layers=24).decode(_ENAS_MACRO.split()),
}
