import math

import pytest

from enas_tf.networks import counts, rnn_child
from enas_tf.runs import assembly
from enas_tf.spaces import rnn
from tests.runs import language


@pytest.mark.parametrize("arc", ["0 2", "0 1 1 0 2 3"])
def test_child_size_is_that_of_the_child(arc):
  nodes = len(arc.split()) // 2
  arc = rnn.RnnSpace(nodes).parse(arc)
  built = assembly.Assembly(language.experiment(child_num_nodes=nodes))
  size = built.parts.child_size(arc)
  child = rnn_child.build(
    arc, vocab_size=language.VOCAB, hidden_size=language.UNITS
  )
  assert size.parameters == counts.parameters(child)
  # A word is multiplied by every weight of the cell and of the softmax.
  kernels = [v for v in child.trainable_variables if len(v.shape) == 2]
  assert size.multiply_adds == sum(math.prod(v.shape) for v in kernels)
