"""Arcs that papers published, by name, with their source."""

from enas_tf.spaces import macro, micro, rnn

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

# https://github.com/google-research/google-research/tree/master/enas_lm, in the
# README: 56.1 perplexity on the test part of Penn Treebank.
_ENAS_LM = "0 2 1 0 2 1 2 2 4 0 5 0 3 2 6 2"
# The original's scripts/ptb_final.sh, of a code that its authors withdrew.
_ENAS_PTB = "0 0 0 1 1 2 1 2 0 2 0 5 1 1 0 6 1 8 1 8 1 8 1"

RNN = {
  "enas_lm": rnn.RnnSpace(num_nodes=8).decode(_ENAS_LM.split()),
  "enas_ptb": rnn.RnnSpace(
    num_nodes=11, functions=rnn.PAPER_FUNCTIONS, first_function=True
  ).decode(_ENAS_PTB.split()),
}
