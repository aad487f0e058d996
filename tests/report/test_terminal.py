import io
import re
import subprocess
import sys

import pytest

from enas_tf.report import terminal


class _Tty(io.StringIO):
  def isatty(self):
    return True


def _progress(term, done=50, seconds_left=7500.0, **values):
  term.progress(done, 200, "epoch 1/4", values, seconds_left)


def test_say_prints_lines_to_the_standard_output(capsys):
  terminal.Terminal().say("Hello.")
  assert capsys.readouterr().out == "Hello.\n"


def test_table_aligns_words_left_and_numbers_right():
  stream = io.StringIO()
  terminal.Terminal(stream).table(
    ["arc", "parameters"], [["a b", "5,373,140"], ["c", "20"]]
  )
  assert stream.getvalue().splitlines() == [
    "arc  parameters",
    "---  ----------",
    "a b   5,373,140",
    "c            20",
  ]


def test_table_without_rows():
  stream = io.StringIO()
  terminal.Terminal(stream).table(["rank"], [])
  assert stream.getvalue() == "rank\n----\n"


def test_table_refuses_a_row_of_another_length():
  with pytest.raises(ValueError):
    terminal.Terminal(io.StringIO()).table(["a", "b"], [["1"]])


def test_progress_in_a_file_is_a_line_now_and_then(monkeypatch):
  now = 0.0
  monkeypatch.setattr(terminal.time, "monotonic", lambda: now)
  stream = io.StringIO()
  term = terminal.Terminal(stream)
  _progress(term, loss=1.23456, acc=0.5)
  now = 29.0
  _progress(term, done=99)
  now = 30.0
  _progress(term, done=100, seconds_left=None)
  term.progress(101, 200, "epoch 2/4", {}, None)
  term.end_progress()
  assert stream.getvalue() == (
    "epoch 1/4  50/200  loss 1.235  acc 0.5  2 h 05 min left\n"
    "epoch 1/4  100/200\n"
    "epoch 2/4  101/200\n"
  )


def test_bar_overwrites_itself_on_a_terminal(monkeypatch):
  monkeypatch.setenv("COLUMNS", "200")
  stream = _Tty()
  term = terminal.Terminal(stream)
  _progress(term, loss=1.0)
  _progress(term, done=200, loss=1.0)
  term.end_progress()
  term.end_progress()  # Once is enough.
  first, second = re.split("\r\x1b\\[K", stream.getvalue())[1:]
  assert first.startswith("epoch 1/4  [=====...............]  50/200  loss 1")
  assert "[====================]  200/200" in second
  assert "\n" not in first and second.endswith("left\n")
  assert second.count("\n") == 1


def test_bar_never_wraps(monkeypatch):
  monkeypatch.setenv("COLUMNS", "30")
  stream = _Tty()
  _progress(terminal.Terminal(stream), loss=1.0)
  assert len(stream.getvalue().removeprefix("\r\x1b[K")) == 29


def test_a_message_takes_the_place_of_the_bar():
  stream = _Tty()
  term = terminal.Terminal(stream)
  _progress(term)
  before = stream.getvalue()
  term.say("Saved.")
  term.end_progress()  # The bar is gone already.
  assert stream.getvalue() == before + "\r\x1b[KSaved.\n"


@pytest.mark.parametrize("total", [0, 1])
def test_progress_of_an_empty_run(total):
  stream = _Tty()
  terminal.Terminal(stream).progress(0, total, "epoch 1/1", {}, None)
  assert f"0/{total}" in stream.getvalue()


@pytest.mark.parametrize(
  "seconds, text",
  [
    (0, "0 s"),
    (59.6, "1 min 00 s"),
    (3599, "59 min 59 s"),
    (3600, "1 h 00 min"),
    (90061, "1 d 01 h"),
  ],
)
def test_time_left(seconds, text):
  stream = io.StringIO()
  _progress(terminal.Terminal(stream), seconds_left=seconds)
  assert stream.getvalue() == f"epoch 1/4  50/200  {text} left\n"


def test_verbosity_is_what_keras_fit_takes():
  assert terminal.Terminal(_Tty()).verbosity == 1
  assert terminal.Terminal(io.StringIO()).verbosity == 2


class _Full(io.StringIO):
  def write(self, text):
    raise OSError(28, "No space left on device")


class _Broken(io.StringIO):
  def flush(self):
    raise BrokenPipeError(32, "Broken pipe")


def _closed():
  stream = io.StringIO()
  stream.close()
  return stream


@pytest.mark.parametrize(
  ("make", "words"),
  [(_Full, "No space left"), (_Broken, ""), (_closed, "closed")],
)
def test_a_stream_that_fails_silences_the_terminal(make, words, capsys):
  term = terminal.Terminal(make())
  for _ in range(3):
    term.say("Hello.")
    _progress(term)
  out, err = capsys.readouterr()
  assert out == ""
  # It is said once, but for a reader who has gone away.
  assert words in err and err.count("\n") == (1 if words else 0)


def test_a_closed_standard_output_is_nowhere():
  stream = terminal.LastingStream(None)
  assert stream.write("Hello.") == 6 and not stream.isatty()
  stream.flush()


def test_letters_that_a_stream_lacks_are_written_as_numbers():
  raw = io.BytesIO()
  stream = io.TextIOWrapper(raw, encoding="ascii")
  terminal.Terminal(stream).say("a \u2501 b")
  assert raw.getvalue() == b"a \\u2501 b\n"


_PRINTS = """
import sys
from enas_tf.report import terminal
for name in ("stdout", "stderr"):
  setattr(sys, name, terminal.LastingStream(getattr(sys, name)))
for _ in range(3000):
  print("Not by the terminal, and so much that it does not fit into a pipe.")
print("Not written out before the end.", end="")
print("This neither.", end="", file=sys.stderr)
"""


@pytest.mark.parametrize(
  "redirected", ["> /dev/full", "> /dev/full 2>&1", ">&-", "| head -1"]
)
def test_process_ends_well_wherever_its_output_goes(redirected):
  process = subprocess.run(
    ["bash", "-c", f'set -o pipefail; "$0" -c "$1" {redirected}']
    + [sys.executable, _PRINTS],
    capture_output=True,
    text=True,
  )
  assert process.returncode == 0, process.stderr
  assert "Traceback" not in process.stderr
  assert "Exception" not in process.stderr


def test_import_loads_no_tensorflow():
  code = (
    "import sys; from enas_tf.report import terminal, tables, draw; "
    "sys.exit('tensorflow' in sys.modules or 'matplotlib' in sys.modules)"
  )
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
