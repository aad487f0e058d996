"""A language model as small as it can be, on the text inside of Python."""

from enas_tf.spaces import rnn
from tests.runs import context

VOCAB = 60
BATCH, BPTT = 200, 16
UNITS = 8
SPACE = rnn.RnnSpace(2)
_SETTINGS = dict(
  data="pydoc",
  vocab_size=VOCAB,
  derive_samples=4,
  derive_top=2,
  save_minutes=0.0,
  max_checkpoints_to_keep=10_000,
  child_num_nodes=2,
  child_hidden_size=UNITS,
  batch_size=BATCH,
  child_bptt_steps=BPTT,
  child_drop_x=0.2,
  child_drop_o=0.2,
)


def experiment(fixed_arc=None, **changed):
  """Returns its experiment, with other settings by public names."""
  return context.experiment("rnn", fixed_arc, **_SETTINGS | changed)


def steps_per_epoch(text):
  """Returns how many windows there are of a text's training part."""
  return (len(text.train) // BATCH - 1) // BPTT
