"""No two streams of random numbers are alike, of one seed or of neighbours."""

import doctest

import keras
import numpy as np
import pytest

from enas_tf import seeds
from enas_tf.runs import assembly, fit, image_training, rnn_training, train
from tests.runs import context

RUN_SEEDS = range(5)
OPS = ("sep_conv_3x3", "conv_3x3", "identity", "sep_conv_5x5")
MACRO_OPS = ("conv_3x3", "sep_conv_3x3", "sep_conv_5x5", "max_pool_3x3")
# Sizes are multiples of four, see `fours`. A macro network of three layers is
# halved twice, and a micro network has two reductions.
SIZES = {
  "micro": dict(
    child_num_layers=1, child_num_cells=2, child_out_filters=4, child_ops=OPS
  ),
  "macro": dict(child_num_layers=3, child_out_filters=8, child_ops=MACRO_OPS),
  "rnn": dict(
    child_num_nodes=3,
    child_hidden_size=8,
    batch_size=2,
    child_bptt_steps=4,
    child_random_bptt=True,
    data="text",
  ),
}
SIZES["macro_channels"] = SIZES["macro"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
  words = [f"word{i}" for i in np.random.default_rng(0).permutation(400) % 15]
  path = tmp_path_factory.mktemp("text") / "text.txt"
  path.write_text("\n".join(" ".join(words[i::40]) for i in range(40)))
  return path


@pytest.fixture(params=SIZES)
def make(request, text):
  """A function from a seed, and settings, to an assembly."""

  def make(seed, **changed):
    given = {"data": "digits", "seed": seed} | SIZES[request.param] | changed
    if given["data"] == "text":
      given["data_path"] = str(text)
    return assembly.Assembly(context.experiment(request.param, **given))

  return make


def random_arc(built):
  return built.final_space.random(np.random.default_rng(7))


def build(built):
  """Returns the policy, the supernet and the final child of a random arc."""
  return (
    built.make_policy(),
    built.parts.make_supernet(built.seed("supernet")),
    built.parts.make_child(random_arc(built), built.seed("final child"), 10),
  )


def arrays(built):
  """Yields (name, array) of all initial weights."""
  policy, *networks = build(built)
  yield from policy.named_variables.items()
  for network in networks:
    for variable in network.variables:
      yield f"{type(network).__name__}/{variable.path}", variable


def fours(array):
  """Returns each four numbers in a row, as a direction; constants are none.

  Those of one stream are the same in all shapes, whatever their deviation.
  """
  flat = np.asarray(array, np.float64).ravel()
  rows = flat[: len(flat) // 4 * 4].reshape(-1, 4)
  rows = rows[np.ptp(rows, 1) > 0]
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("final", [{}, {"final_as_searched": True}])
def test_no_two_initial_weights_are_alike(make, final):
  names, rows = [], []
  if final and make(0).space.name == "rnn":
    pytest.skip("An RNN child is as searched always.")
  for seed in RUN_SEEDS:
    keras.utils.set_random_seed(0)  # Nothing comes of the global seed.
    for name, array in arrays(make(seed, **final)):
      if name != "softmax/b":  # Of constants.
        rows.append(fours(array))
        names += [f"{name} of seed {seed}"] * len(rows[-1])
  rows = np.round(np.concatenate(rows), 4)
  order = np.lexsort(rows.T)
  same = (rows[order][1:] == rows[order][:-1]).all(1)
  pairs = zip(order[1:][same], order[:-1][same], strict=True)
  assert len(rows) > 1000
  assert not [(names[i], names[j]) for i, j in pairs]


def test_the_seed_repeats_all_weights(make):
  for (name, one), (_, other) in zip(
    arrays(make(3)), arrays(make(3)), strict=True
  ):
    np.testing.assert_array_equal(one, other, name)


class NoTraining:
  """A training of one forward pass, which draws all dropouts."""

  def __init__(self, model, *args, **kwargs):
    del args, kwargs
    self._model = model

  def run(self, *args):
    del args
    if isinstance(self._model.input, dict):  # A language model.
      inputs = {"tokens": np.zeros((2, 4), int), "state": np.zeros((2, 8))}
    else:
      inputs = np.zeros((2, *self._model.input_shape[1:]), np.float32)
    self._model(inputs, training=True)
    return 1


def draw_everything(make, seed, folder):
  """Asks for all that a search and a final training draw, once."""
  built = make(seed)
  assert built.search
  arc = random_arc(built)
  (train._by_fit if built.task.uses_fit else train._by_steps)(
    built, arc, context.make(folder, built.experiment)[0]
  )


def test_every_stream_has_a_name_of_its_own(make, monkeypatch, tmp_path):
  """Weights, dropouts, data, proposals: each asks for another seed."""
  for module in (image_training, rnn_training):
    monkeypatch.setattr(module, "Training", NoTraining)
  monkeypatch.setattr(fit, "finish", lambda *_: None)
  asked = []
  derive = seeds.derive

  def record(seed, name):
    asked.append((seed, name))
    return derive(seed, name)

  monkeypatch.setattr(seeds, "derive", record)
  for seed in RUN_SEEDS:
    draw_everything(make, seed, tmp_path)
  assert len(asked) > 15 * len(RUN_SEEDS)
  assert len(set(asked)) == len(asked)
  assert len({derive(*each) for each in asked}) == len(asked)


def test_examples():
  result = doctest.testmod(seeds)
  assert result.attempted and not result.failed


def test_derived_seeds_are_int32():
  found = [seeds.derive(seed, "x") for seed in (0, 1, 2**31 - 1)]
  found += [seeds.derive(found[0], name) for name in ("", "x", "ö/y_1")]
  assert len(set(found)) == len(found)
  assert all(type(seed) is int and 0 <= seed < 2**31 for seed in found)


def test_derived_seeds_by_hand():
  """The first word of NumPy's generator, without its last bit."""
  # The CRC-32 of "123456789" is its check value, 0xCBF43926.
  words = np.random.SeedSequence([6, 0xCBF43926]).generate_state(1)
  assert seeds.derive(6, "123456789") == words[0] // 2
