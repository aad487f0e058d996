import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, errors


def build(folder, fingerprint=None, shape=(2, 3)):
  state = {
    "a/w": tf.Variable(tf.zeros(shape)),
    "n": tf.Variable(0, dtype="int64"),
  }
  saver = checkpoints.Checkpoints(folder, state, fingerprint or {"seed": 1})
  return saver, state


def test_restores_what_it_saved(tmp_path):
  saver, state = build(tmp_path)
  assert saver.restore() is None
  state["a/w"].assign(np.arange(6.0).reshape(2, 3))
  state["n"].assign(7)
  saver.save(5)
  other, restored = build(tmp_path)
  assert other.restore() == 5
  np.testing.assert_array_equal(restored["a/w"], state["a/w"])
  assert int(restored["n"]) == 7


def test_file_holds_every_variable(tmp_path):
  saver, state = build(tmp_path)
  with np.load(saver.save(1), allow_pickle=False) as file:
    assert set(state) < set(file.files)


def test_keeps_the_newest_two(tmp_path):
  saver, _ = build(tmp_path)
  for step in range(4):
    saver.save(step)
  names = sorted(path.name for path in tmp_path.iterdir())
  assert names == ["checkpoint-000000002.npz", "checkpoint-000000003.npz"]


def test_damaged_file_falls_back(tmp_path):
  saver, _ = build(tmp_path)
  saver.save(1)
  path = saver.save(2)
  path.write_bytes(path.read_bytes()[:100])
  assert saver.restore() == 1
  (tmp_path / "checkpoint-000000001.npz").write_bytes(b"")
  with pytest.raises(errors.CheckpointError, match="nothing was deleted"):
    saver.restore()


def test_other_settings_are_refused(tmp_path):
  build(tmp_path)[0].save(1)
  with pytest.raises(errors.CheckpointError, match="seed: checkpoint 1, now 2"):
    build(tmp_path, {"seed": 2})[0].restore()
  with pytest.raises(errors.CheckpointError, match="a/w"):
    build(tmp_path, shape=(4,))[0].restore()


def test_full_disk_keeps_the_last(tmp_path, monkeypatch):
  saver, _ = build(tmp_path)
  saver.save(1)

  def fail(*_, **__):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(np, "savez", fail)
  with pytest.raises(errors.CheckpointError, match="No space left"):
    saver.save(2)
  monkeypatch.undo()
  assert saver.restore() == 1
  assert not list(tmp_path.glob("*.tmp"))
