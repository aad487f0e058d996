"""A search that stopped within an epoch is read with its weights whole."""

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.runs import algorithm, assembly, search, train
from tests.runs import context

SETTINGS = dict(
  data="digits",
  child_num_layers=1,
  child_num_cells=2,
  child_out_filters=4,
  batch_size=32,
  child_lr_max=0.5,
  final_init="supernet",
  final_as_searched=True,
  final_drop_path_keep_prob=1.0,
)


def make(**changed):
  return assembly.Assembly(context.experiment(**SETTINGS | changed))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
  """The folder of a search of a few steps, and its weights made whole."""
  folder = tmp_path_factory.mktemp("run")
  built = make()
  parts, position = built.search, algorithm.Position()
  parts.child.run(parts.controller.sample(12))
  position.advance("child_steps", 12)
  search.checkpoint(built, folder, position).save(12)
  before = weights(parts)
  parts.child.flush()
  after = weights(parts)
  # Otherwise nothing below would tell.
  assert any(np.abs(after[k] - before[k]).max() > 1e-3 for k in after)
  return folder, after


def weights(parts):
  return {
    name: array
    for name, array in parts.child.state().items()
    if name.startswith("supernet/")
  }


def test_deriving_ranks_whole_weights(stopped):
  folder, expected = stopped
  built = make()
  assert search.restore(built, folder).child_steps == 12
  for name, value in weights(built.search).items():
    np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_a_child_inherits_whole_weights(stopped):
  folder, expected = stopped
  built = make()
  arc = built.final_space.parse("0 0 1 1 2 0 1 4 0 4 1 0 0 1 2 2")
  model = built.parts.make_child(arc, seed=0, total_steps=1)
  run, screen = context.make(folder, built.experiment)
  train._inherit(built, model, arc, run)
  count = len(model.trainable_variables)
  assert f"{count} of {count} variables" in screen.getvalue()
  theirs = {k.removeprefix("supernet/"): v for k, v in expected.items()}
  same = [v for v in model.trainable_variables if v.path in theirs]
  assert same
  for variable in same:
    np.testing.assert_allclose(
      variable, theirs[variable.path], atol=1e-6, err_msg=variable.path
    )
  # Those out of a bank are blocks of it.
  bank = expected["supernet/layer_0_cell/bank/rows"].ravel().round(5)
  kernels = [
    v.numpy().ravel().round(5)
    for v in model.trainable_variables
    if v.path.startswith("layer_0_cell_") and v.path.endswith("/kernel")
  ]
  assert kernels
  for kernel in kernels:
    assert np.isin(kernel, bank).mean() > 0.9


def test_there_must_be_a_search(tmp_path):
  with pytest.raises(errors.CheckpointError, match="search first"):
    search.restore(make(), tmp_path)


def test_a_search_of_other_settings_is_refused(stopped):
  with pytest.raises(errors.CheckpointError, match="child_num_cells"):
    search.restore(make(child_num_cells=3), stopped[0])
