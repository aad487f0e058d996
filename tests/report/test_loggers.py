import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins.hparams import plugin_data_pb2

from enas_tf import errors
from enas_tf.report import draw, loggers
from enas_tf.spaces import micro
from tests.report import tensorboard_reader

ARC = micro.MicroSpace(num_cells=1).parse("0 2 1 4 1 0 0 3")


def _lines(path):
  return [json.loads(line) for line in path.read_text().splitlines()]


def _log(path, steps, resume_step=None):
  logger = loggers.JsonLinesLogger(path, resume_step)
  for step in steps:
    logger.scalars(step, {"child/loss": step / 4})
  return logger


def _events(folder):
  """Returns (step, tag, tensor) of everything in the event files."""
  return [
    (event.step, value.tag, tf.make_ndarray(value.tensor))
    for path in sorted(folder.glob("events*"))
    for event in tf.compat.v1.train.summary_iterator(str(path))
    for value in event.summary.value
  ]


def test_json_lines_are_steps_and_floats_at_once(tmp_path):
  path = tmp_path / "m.jsonl"
  logger = loggers.JsonLinesLogger(path)
  logger.scalars(3, {"child/loss": np.float32(0.5), "epoch": 2})
  # Not closed: a line is in the file as soon as it is logged.
  assert path.read_text() == '{"step": 3, "child/loss": 0.5, "epoch": 2.0}\n'
  logger.close()


def test_json_lines_stay_json_when_a_number_is_not_finite(tmp_path):
  path = tmp_path / "m.jsonl"
  values = {"a": float("nan"), "b": float("inf"), "c": 1.0}
  loggers.JsonLinesLogger(path).scalars(0, values)
  assert _lines(path) == [{"step": 0, "a": None, "b": None, "c": 1.0}]


def test_resumed_lines_are_those_of_an_uninterrupted_run(tmp_path):
  whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
  _log(whole, range(10)).close()
  _log(killed, range(8)).close()
  with open(killed, "a") as file:
    file.write('{"step": 8, "child/lo')
  _log(killed, range(6, 10), resume_step=5).close()
  assert killed.read_bytes() == whole.read_bytes()
  assert sorted(tmp_path.iterdir()) == [killed, whole]


def test_half_a_line_goes_even_before_the_resumed_step(tmp_path):
  path = tmp_path / "m.jsonl"
  _log(path, range(3)).close()
  with open(path, "ab") as file:
    file.write(b'{"step": 3, "\xff')
  _log(path, [4], resume_step=9).close()
  assert [line["step"] for line in _lines(path)] == [0, 1, 2, 4]


def test_a_new_run_begins_a_new_file(tmp_path):
  path = tmp_path / "m.jsonl"
  _log(path, range(5)).close()
  _log(path, [0, 1]).close()
  assert [line["step"] for line in _lines(path)] == [0, 1]


def test_json_lines_that_cannot_be_written(tmp_path):
  with pytest.raises(errors.OutputDirError, match="Received: path=.*m.jsonl"):
    loggers.JsonLinesLogger(tmp_path / "missing" / "m.jsonl")


def test_json_lines_with_a_folder_in_their_place(tmp_path):
  path = tmp_path / "m.jsonl"
  path.mkdir()
  for resume_step in (None, 3):
    with pytest.raises(errors.OutputDirError, match="what stands in its place"):
      loggers.JsonLinesLogger(path, resume_step)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
  "damaged", ['{"step": 1, "child/', "\0\0\0", '{"a": 1}', "3", '{"step": "1"}']
)
def test_a_damaged_line_is_named_and_nothing_is_lost(damaged, tmp_path):
  path = tmp_path / "m.jsonl"
  lines = ['{"step": 0}', damaged, '{"step": 2}', '{"step": 3}', ""]
  path.write_text("\n".join(lines))
  with pytest.raises(errors.OutputDirError, match="m.jsonl, line 2: ") as info:
    loggers.JsonLinesLogger(path, resume_step=2)
  assert "mend or delete it" in str(info.value)
  assert path.read_text() == "\n".join(lines)
  # As the error says.
  path.write_text("\n".join(lines[:1] + lines[2:]))
  _log(path, [3], resume_step=2).close()
  assert [line["step"] for line in _lines(path)] == [0, 2, 3]


def test_a_whole_last_line_without_its_end_is_kept(tmp_path):
  path = tmp_path / "m.jsonl"
  path.write_text('{"step": 0}\n{"step": 1}')  # An editor can leave it so.
  _log(path, [2], resume_step=1).close()
  assert [line["step"] for line in _lines(path)] == [0, 1, 2]


@pytest.mark.skipif(
  not pathlib.Path("/dev/full").exists(), reason="needs /dev/full"
)
def test_json_lines_on_a_full_disk(tmp_path):
  logger = loggers.JsonLinesLogger(tmp_path / "m.jsonl")
  logger._file = open("/dev/full", "w")  # noqa: SIM115
  with pytest.raises(errors.OutputDirError, match="Make room"):
    logger.scalars(0, {"a": 1.0})


def test_tensorboard_scalars_and_text(tmp_path):
  logger = loggers.TensorBoardLogger(tmp_path)
  logger.scalars(7, {"child/loss": 0.25, "reward/mean": 0.5})
  logger.text(8, "arcs/sampled", "0 1\n1 0")
  logger.close()
  events = {tag: (step, value) for step, tag, value in _events(tmp_path)}
  assert events["child/loss"] == (7, np.float32(0.25))
  assert events["reward/mean"] == (7, np.float32(0.5))
  step, text = events["arcs/sampled"]
  assert step == 8 and text.item() == b"    0 1\n    1 0"


def test_tensorboard_hyper_parameters(tmp_path):
  settings = {"lr": 0.05, "layers": 6, "cosine": True, "data": "digits"}
  logger = loggers.TensorBoardLogger(tmp_path)
  logger.hparams(settings | {"ops": ("a", "b"), "fixed_arc": None})
  logger.close()
  (event,) = (
    event
    for path in tmp_path.glob("events*")
    for event in tf.compat.v1.train.summary_iterator(str(path))
    if event.summary.value
  )
  plugin = event.summary.value[0].metadata.plugin_data
  assert plugin.plugin_name == "hparams"
  data = plugin_data_pb2.HParamsPluginData.FromString(plugin.content)
  found = {
    name: getattr(value, value.WhichOneof("kind"))
    for name, value in data.session_start_info.hparams.items()
  }
  assert found == settings | {"ops": "('a', 'b')", "fixed_arc": "None"}


def test_tensorboard_shows_an_arc_as_text_and_as_a_picture(tmp_path):
  pytest.importorskip("matplotlib")
  logger = loggers.TensorBoardLogger(tmp_path / "run")
  logger.arc(2, "arcs/best", ARC, "reward 0.5")
  logger.arc(4, "arcs/best", ARC)
  logger.close()
  board = tensorboard_reader.Reader(tmp_path)
  assert board.texts("run") == {
    "arcs/best": ["    0 2 1 4 1 0 0 3\n    reward 0.5", "    0 2 1 4 1 0 0 3"]
  }
  pictures = board.pictures("run")
  assert list(pictures) == ["arcs/best_picture"]
  for picture in pictures["arcs/best_picture"]:
    np.testing.assert_array_equal(picture, draw.draw(ARC))


def test_tensorboard_arc_without_matplotlib(tmp_path, monkeypatch):
  monkeypatch.setattr(loggers.draw, "draw", lambda arc: None)
  logger = loggers.TensorBoardLogger(tmp_path)
  logger.arc(2, "arcs/best", ARC)
  logger.close()
  assert [value.item() for _, _, value in _events(tmp_path)] == [
    b"    0 2 1 4 1 0 0 3"
  ]


def test_tensorboard_missing_says_what_to_install(tmp_path, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(errors.ConfigError, match="pip install tensorboard"):
    loggers.TensorBoardLogger(tmp_path)


_CALLS = {
  "scalars": lambda logger: logger.scalars(0, {"a": 1.0}),
  "text": lambda logger: logger.text(0, "t", "words"),
  "arc": lambda logger: logger.arc(0, "best", ARC),
  "hparams": lambda logger: logger.hparams({"seed": 0}),
}


# A file that may not grow is like a full disk.
_FULL = """
import pathlib, resource, sys
from enas_tf import errors
from enas_tf.report import loggers
from tests.report import test_loggers
opened = []
for name, call in test_loggers._CALLS.items():
  logger = loggers.TensorBoardLogger(pathlib.Path(sys.argv[1]) / name)
  call(logger)
  opened.append((name, logger, call))
resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
for name, logger, call in opened:
  try:
    call(logger)
    sys.exit(f"{name} did not notice.")
  except errors.OutputDirError as error:
    assert f"Received: path={sys.argv[1]}/{name} (" in str(error), error
"""


def test_tensorboard_on_a_full_disk(tmp_path):
  process = subprocess.run(
    [sys.executable, "-c", _FULL, tmp_path], capture_output=True, text=True
  )
  assert process.returncode == 0, process.stderr


def test_tensorboard_with_a_file_in_the_place_of_its_folder(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.OutputDirError, match="what stands in its place"):
    loggers.TensorBoardLogger(tmp_path / "file" / "tensorboard")


class _Recorder(loggers.Logger):
  def __init__(self):
    self.calls = []

  def scalars(self, step, values):
    self.calls.append(("scalars", step, values))

  def text(self, step, name, text):
    self.calls.append(("text", step, name, text))

  def arc(self, step, name, arc, note=""):
    self.calls.append(("arc", step, name, arc, note))

  def hparams(self, values):
    self.calls.append(("hparams", values))

  def close(self):
    self.calls.append(("close",))


def test_composite_passes_everything_to_all():
  recorders = [_Recorder(), _Recorder()]
  logger = loggers.CompositeLogger(recorders)
  logger.scalars(1, {"a": 2.0})
  logger.text(2, "t", "words")
  logger.arc(3, "best", ARC, "note")
  logger.hparams({"seed": 0})
  logger.close()
  assert recorders[0].calls == [
    ("scalars", 1, {"a": 2.0}),
    ("text", 2, "t", "words"),
    ("arc", 3, "best", ARC, "note"),
    ("hparams", {"seed": 0}),
    ("close",),
  ]
  assert recorders[1].calls == recorders[0].calls


def test_a_logger_may_ignore_what_it_cannot_show(tmp_path):
  logger = loggers.JsonLinesLogger(tmp_path / "m.jsonl")
  logger.text(0, "t", "words")
  logger.arc(0, "best", ARC)
  logger.hparams({"seed": 0})
  logger.close()
  assert (tmp_path / "m.jsonl").read_text() == ""


def test_open_loggers_writes_both_and_resumes(tmp_path):
  for resume_step, steps in ((None, [1, 2, 3]), (2, [3])):
    logger = loggers.open_loggers(tmp_path, resume_step)
    for step in steps:
      logger.scalars(step, {"child/loss": float(step)})
    logger.close()
  assert [x["step"] for x in _lines(tmp_path / "metrics.jsonl")] == [1, 2, 3]
  events = _events(tmp_path / "tensorboard")
  assert {step for step, _, _ in events} == {1, 2, 3}
