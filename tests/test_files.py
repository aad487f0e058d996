import json
import os

import pytest

from enas_tf import errors, files


def test_json_round_trip(tmp_path):
  path = tmp_path / "value.json"
  value = {"word": "\N{GREEK SMALL LETTER THETA}", "rows": [1, 2.5, None]}
  files.write_json(path, value)
  assert files.read_json(path) == value
  assert path.read_text(encoding="utf-8").endswith("}\n")
  assert list(tmp_path.iterdir()) == [path]


def test_half_a_write_keeps_the_old_file(tmp_path):
  path = tmp_path / "value.json"
  files.write_json(path, {"old": 1})
  # The first key is written before the second turns out not to be JSON.
  with pytest.raises(TypeError):
    files.write_json(path, {"new": 2, "bad": object()})
  assert files.read_json(path) == {"old": 1}
  files.write_json(path, {"new": 2})
  assert files.read_json(path) == {"new": 2}
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
  "content",
  [
    None,
    b"",
    b'{"half": ',
    b"\xff\xfe",
    b"7",
    b'[{"a": 1}]',
    b"[" * 100_000,
    b'{"a": ' + b"1" * 5_000 + b"}",
  ],
)
def test_damaged_json(tmp_path, content):
  path = tmp_path / "value.json"
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(errors.OutputDirError, match=f"Received: {path}"):
    files.read_json(path)


def test_a_disk_that_refuses_is_one_error_and_leaves_nothing(tmp_path):
  path = tmp_path / "value.json"
  files.write_json(path, {"old": 1})
  with (
    pytest.raises(errors.OutputDirError, match="Make room on the disk"),
    files.replacing(path) as temporary,
  ):
    temporary.write_text("half")
    raise OSError(28, os.strerror(28))
  assert json.loads(path.read_text()) == {"old": 1}
  assert list(tmp_path.iterdir()) == [path]


def test_other_errors_pass(tmp_path):
  with pytest.raises(KeyError), files.writing(tmp_path):
    raise KeyError("mine")


def test_errors_of_tensorflow_pass_unless_they_are_of_the_disk(tmp_path):
  import tensorflow as tf

  wrong = tf.errors.InvalidArgumentError(None, None, "shapes differ")
  with pytest.raises(tf.errors.InvalidArgumentError), files.writing(tmp_path):
    raise wrong
  with (
    pytest.raises(errors.OutputDirError, match="shapes differ"),
    files.writing(tmp_path, tf.errors.OpError),
  ):
    raise wrong
  full = tf.errors.ResourceExhaustedError(None, None, "x; Disk quota exceeded")
  with pytest.raises(errors.OutputDirError), files.writing(tmp_path):
    raise full


def test_lines_are_added_whole(tmp_path):
  path = tmp_path / "new" / "lines.jsonl"
  files.append_line(path, {"a": 1})
  files.append_line(path, [2])
  assert path.read_text() == '{"a": 1}\n[2]\n'
  files.cut_half_line(path)
  assert path.read_text() == '{"a": 1}\n[2]\n'
  path.write_text('{"a": 1}\n[2')
  files.cut_half_line(path)
  assert path.read_text() == '{"a": 1}\n'
  path.write_text("[2")
  files.cut_half_line(path)
  assert path.read_text() == ""
  files.cut_half_line(tmp_path / "missing")
  assert not (tmp_path / "missing").exists()


def test_a_line_that_cannot_be_added_is_an_error_of_the_user(tmp_path):
  (tmp_path / "folder").mkdir()
  with pytest.raises(errors.OutputDirError, match="folder"):
    files.append_line(tmp_path / "folder", 1)
  with pytest.raises(ValueError, match="JSON compliant"):
    files.append_line(tmp_path / "lines", float("nan"))
  assert not (tmp_path / "lines").exists()
