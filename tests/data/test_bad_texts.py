"""Tables of texts that cannot be read: each is one clear error."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import text, text_windows

GOOD = "".join(f"line {i} of a text\n" for i in range(30))


def refused(match, name, path):
  with pytest.raises(errors.UserError, match=match) as caught:
    text.load(name, str(path), 100)
  message = str(caught.value)
  assert len(message) <= 2000 and "\n" not in message
  assert "Received: " in message and "\0" not in message


PATHS = {
  "no such user": ("~nosuchuser/data", "`data_path` does not exist"),
  "name too long": ("x" * 300, "`data_path` does not exist.*too long"),
  "path too long": ("x/" * 50_000, "`data_path` does not exist.*too long"),
  "empty": ("", "`data_path` does not exist"),
  "NUL": ("a\0b", "`data_path` does not exist"),
  "missing": ("/nowhere/at/all", "`data_path` does not exist"),
  "device": ("/dev/zero", "no regular file|needs a folder"),
}


@pytest.mark.parametrize("name", ["ptb", "text"])
@pytest.mark.parametrize("kind", PATHS)
def test_paths(name, kind):
  path, match = PATHS[kind]
  refused(match, name, path)


TEXTS = {
  "empty": (b"", "at least 10 lines"),
  "one word": (b"word", "at least 10 lines"),
  "one line": (b"a line of words " * 1000, "at least 10 lines"),
  "blank lines": (b"\n \n\t\n" * 100, "at least 10 lines"),
  "Latin-1": (GOOD.encode() + b"stra\xdfe", r"not UTF-8.*iconv.*byte 534"),
  "UTF-16": (GOOD.encode("utf-16"), "not UTF-8.*byte 0"),
  "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "byte that is 0"),
  "UTF-32": (GOOD.encode("utf-32-be"), "byte that is 0"),
  "NUL": (GOOD.encode() + b"a\0b", "byte that is 0.*line at byte 530"),
  "half of a letter": (GOOD.encode() + "ä".encode()[:1], "not UTF-8"),
  "surrogates": (GOOD.encode() + b"\xed\xa0\x80", "not UTF-8"),
  "gzip": (b"\x1f\x8b\x08" + bytes(100), "not UTF-8|byte that is 0"),
  "program": (b"\x7fELF\x02\x01\x01" + bytes(100), "byte that is 0"),
  "random": (np.random.default_rng(0).bytes(5000), "not UTF-8"),
  "zeros": (bytes(5000), "byte that is 0"),
  "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not UTF-8"),
}


@pytest.mark.parametrize("place", ["file", "folder", "part"])
@pytest.mark.parametrize("kind", TEXTS)
def test_texts(tmp_path, kind, place):
  content, match = TEXTS[kind]
  (tmp_path / "train.txt").write_bytes(content)
  if place == "part":
    if "lines" in match:
      pytest.skip("A part may have few lines.")
    for part in ("valid", "test"):
      (tmp_path / f"{part}.txt").write_text(GOOD)
  path = tmp_path / "train.txt" if place == "file" else tmp_path
  refused(match, "text", path)


PLACES = {
  "folder": (os.mkdir, "no regular file"),
  "pipe": (os.mkfifo, "no regular file"),
  "device": (lambda path: os.symlink("/dev/zero", path), "no regular file"),
  "link to nothing": (lambda path: os.symlink("/not", path), "No such file"),
  "link to itself": (lambda path: os.symlink(path, path), "Too many levels"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_no_text_file(tmp_path, kind):
  make, match = PLACES[kind]
  (tmp_path / "a.txt").write_text(GOOD)
  make(tmp_path / "b.txt")
  refused(match, "text", tmp_path)


def test_all_is_well_with_the_good_text(tmp_path):
  (tmp_path / "a.txt").write_text(GOOD)
  assert len(text.load("text", str(tmp_path), 10**30).train) == 24 * 6


def large(path, content, num):
  with open(path, "wb") as file:
    for _ in range(num):
      file.write(content)


def test_too_many_bytes(tmp_path, monkeypatch):
  large(tmp_path / "a.txt", GOOD.encode(), 10)
  large(tmp_path / "b.txt", GOOD.encode(), 10)
  monkeypatch.setattr(text, "_MOST_BYTES", 20 * len(GOOD))
  text.load("text", str(tmp_path))
  monkeypatch.setattr(text, "_MOST_BYTES", 20 * len(GOOD) - 1)
  refused("too large.*bytes in all", "text", tmp_path)


def test_a_line_without_end(tmp_path, monkeypatch):
  (tmp_path / "a.txt").write_text(GOOD + "x" * 1000)
  text.load("text", str(tmp_path))
  monkeypatch.setattr(text, "_MOST_LINE_BYTES", 1000)
  refused("too large.*bytes in a line", "text", tmp_path)


def test_too_many_words(tmp_path, monkeypatch):
  (tmp_path / "a.txt").write_text(GOOD)
  words = len(set(GOOD.split())) + 2
  monkeypatch.setattr(text, "_MOST_WORDS", words)
  text.load("text", str(tmp_path))
  monkeypatch.setattr(text, "_MOST_WORDS", words - 1)
  refused("different words", "text", tmp_path)


def test_a_terabyte_is_refused_without_reading_it(tmp_path):
  with open(tmp_path / "a.txt", "wb") as file:
    file.truncate(2**40)  # It takes no room on the disk.
  assert_bounded(tmp_path, 20, refused=True)


def test_memory_is_a_small_multiple_of_the_text(tmp_path):
  large(tmp_path / "a.txt", GOOD.encode(), 10_000)  # 5 MB, 2 million words.
  assert_bounded(tmp_path, 50, refused=False)


def assert_bounded(path, most_megabytes, refused):
  script = (
    "import resource\n"
    "from enas_tf import errors\n"
    "from enas_tf.data import text\n"
    "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "before, refused = usage(), False\n"
    f"try: text.load('text', {str(path)!r})\n"
    "except errors.DataError: refused = True\n"
    "print((usage() - before) // 1024, refused)"
  )
  process = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  megabytes, was_refused = process.stdout.split()
  assert was_refused == str(refused)
  assert int(megabytes) <= most_megabytes


# What does not depend on how the file is read: by hand, from the whole text.


@pytest.mark.parametrize(
  "content",
  ["a\r\nb\r\nc", "a\rb\rc\r", "a\r\r\nb\n", "\n\na\n\n", "\r", "a\n\rb", "a"],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_ends_of_lines_are_those_of_python(tmp_path, content, mark):
  for part in ("train", "valid", "test"):
    (tmp_path / f"{part}.txt").write_bytes(mark + (content + "w").encode())
  lines = re.split("\r\n|\r|\n", content + "w")
  dataset = text.load("ptb", str(tmp_path))
  expected = " <eos> ".join([*lines, ""]).split()
  assert [dataset.vocabulary[i] for i in dataset.train] == expected


@pytest.mark.parametrize("batch_size", [400, 10**9, 10**30])
def test_more_rows_than_words(batch_size):
  with pytest.raises(errors.DataError, match="lower `batch_size`"):
    text_windows.batched(np.arange(500, dtype=np.int32), batch_size)


@pytest.mark.parametrize("num_steps", [100, 10**30])
def test_windows_longer_than_the_text(num_steps):
  rows = text_windows.batched(np.arange(500, dtype=np.int32), 5)
  for make in (text_windows.windows, text_windows.random_windows):
    with pytest.raises(errors.DataError, match="`child_bptt_steps`"):
      make(rows, num_steps, 0)
