import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, errors


def build(folder, fingerprint=None, shape=(2, 3)):
  state = {
    "a/w": tf.Variable(tf.zeros(shape)),
    "n": tf.Variable(0, dtype="int64"),
  }
  saver = checkpoints.Checkpoints(
    folder, {"": checkpoints.Variables(state)}, fingerprint or {"seed": 1}
  )
  return saver, state


def test_restores_what_it_saved(tmp_path):
  saver, state = build(tmp_path)
  assert saver.restore() is None
  state["a/w"].assign(np.arange(6.0).reshape(2, 3))
  state["n"].assign(7)
  saver.save(5)
  other, restored = build(tmp_path)
  assert other.restore().step == 5
  np.testing.assert_array_equal(restored["a/w"], state["a/w"])
  assert int(restored["n"]) == 7


def test_file_holds_every_variable(tmp_path):
  saver, state = build(tmp_path)
  with np.load(saver.save(1), allow_pickle=False) as file:
    assert set(state) < set(file.files)


def test_keeps_the_newest_two_and_one_from_far_back(tmp_path):
  saver, _ = build(tmp_path)
  for step in range(1, 60):
    saver.save(step)
    kept = saver.steps()
    assert kept[-2:] == [step - 1, step][-len(kept) :]
    assert len(kept) == min(step, 4)
    if step >= 8:
      assert step / 5 <= kept[0] <= step / 2 + 1


@pytest.mark.parametrize("most", [2, 3, 9])
def test_keeps_as_many_as_it_is_told(tmp_path, most):
  state = {"n": tf.Variable(0)}
  parts = {"": checkpoints.Variables(state)}
  saver = checkpoints.Checkpoints(tmp_path, parts, {}, most)
  for step in range(30):
    saver.save(10 * step)
  assert len(saver.steps()) == most
  assert saver.steps()[-2:] == [280, 290]


def test_goes_back_to_an_older_one(tmp_path):
  saver, state = build(tmp_path)
  for step in range(3):
    state["n"].assign(step)
    saver.save(step)
  with pytest.raises(errors.CheckpointError, match="one of 0, 1, 2"):
    saver.restore(7)
  assert saver.steps() == [0, 1, 2]
  assert saver.restore(0).step == int(state["n"]) == 0
  assert saver.steps() == [0, 1, 2]  # Nothing is lost before the next save.
  saver.save(5)
  assert saver.steps() == [0, 5]


def test_notes_come_back(tmp_path):
  saver, _ = build(tmp_path)
  saver.save(1, {"sums": [0.1, 2.0]})
  assert build(tmp_path)[0].restore().notes == {"sums": [0.1, 2.0]}


def test_damaged_file_falls_back(tmp_path):
  saver, _ = build(tmp_path)
  saver.save(1)
  path = saver.save(2)
  path.write_bytes(path.read_bytes()[:100])
  found = saver.restore()
  assert found.step == 1
  assert "checkpoint-000000002.npz" in found.damaged[0]
  with pytest.raises(errors.CheckpointError, match="leave `resume_from` out"):
    saver.restore(2)
  (tmp_path / "checkpoint-000000001.npz").write_bytes(b"")
  (tmp_path / "checkpoint-mine.npz").write_bytes(b"")
  with pytest.raises(errors.CheckpointError, match="nothing was deleted"):
    saver.restore()


def test_other_settings_are_refused(tmp_path):
  build(tmp_path)[0].save(1)
  with pytest.raises(errors.CheckpointError, match="seed: checkpoint 1, now 2"):
    build(tmp_path, {"seed": 2})[0].restore()
  with pytest.raises(errors.CheckpointError, match="a/w"):
    build(tmp_path, shape=(4,))[0].restore()
  state = {
    "a/w": tf.Variable(tf.zeros((2, 3), tf.float64)),
    "n": tf.Variable(0, dtype="int64"),
  }
  with pytest.raises(errors.CheckpointError, match="float32.*float64"):
    parts = {"": checkpoints.Variables(state)}
    checkpoints.Checkpoints(tmp_path, parts, {"seed": 1}).restore()


def test_full_disk_keeps_the_last(tmp_path, monkeypatch):
  saver, _ = build(tmp_path)
  saver.save(1)

  def fail(*_, **__):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(np, "savez", fail)
  with pytest.raises(errors.CheckpointError, match="No space left"):
    saver.save(2)
  monkeypatch.undo()
  assert saver.restore().step == 1
  assert len(list(tmp_path.iterdir())) == 1


def test_full_disk_at_the_first_checkpoint(tmp_path, monkeypatch):
  saver, _ = build(tmp_path)

  def fail(*_, **__):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(np, "savez", fail)
  with pytest.raises(errors.CheckpointError, match="none was written"):
    saver.save(2)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_not_finite_is_not_saved(tmp_path, broken):
  state = {"w": tf.Variable([1.0, 2.0]), "best": tf.Variable(np.inf)}
  parts = {"": checkpoints.Variables(state)}
  saver = checkpoints.Checkpoints(tmp_path, parts, {}, may_be_infinite=["best"])
  saver.save(1)
  state["w"].assign([1.0, broken])
  with pytest.raises(errors.DivergenceError, match="w is not finite at step 2"):
    saver.save(2)
  assert saver.steps() == [1]


class Growing:
  """A part whose arrays have another shape each time."""

  def __init__(self, values=()):
    self.values = list(values)

  def state(self):
    arrays = {f"{i}/value": np.array(x) for i, x in enumerate(self.values)}
    return arrays | {"all": np.array(self.values)}

  def restore(self, arrays):
    self.values = arrays["all"].tolist()
    assert len(arrays) == 1 + len(self.values)


def test_parts_get_their_own_arrays_back(tmp_path):
  one, two = Growing([1, 2]), Growing([3.5])
  rest = checkpoints.Variables({"w/b": tf.Variable([7.0])})
  parts = {"one": one, "two": two, "": rest}
  path = checkpoints.Checkpoints(tmp_path, parts, {}).save(1)
  with np.load(path) as file:
    assert set(file.files) == {
      *("one/all", "one/0/value", "one/1/value", "two/all", "two/0/value"),
      *("w/b", "__meta__"),
    }
  kept = tf.Variable([0.0])
  others = {"": checkpoints.Variables({"w/b": kept})}
  others |= {"one": Growing([0] * 5), "two": Growing()}
  checkpoints.Checkpoints(tmp_path, others, {}).restore()
  assert (others["one"].values, others["two"].values) == ([1, 2], [3.5])
  assert kept.numpy() == 7.0


def test_arrays_of_no_part_are_refused(tmp_path):
  parts = {"one": Growing([1]), "two": Growing([2])}
  checkpoints.Checkpoints(tmp_path, parts, {}).save(1)
  del parts["two"]
  with pytest.raises(errors.CheckpointError, match="two/all: checkpoint has"):
    checkpoints.Checkpoints(tmp_path, parts, {}).restore()
