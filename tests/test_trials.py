import json
import math

import pytest

from enas_tf import errors, trials
from enas_tf.spaces import rnn
from tests import answers

SPACE = rnn.RnnSpace(2)
ARCS = [[0, 2, 1, 1], [0, 0, 0, 3], [0, 1, 1, 2]]
PROPOSALS = answers.proposals(ARCS, first=4)


@pytest.fixture
def path(tmp_path):
  return tmp_path / trials.FILE


def some():
  return [
    trials.answer(PROPOSALS[0], {"reward": 1 / 3, "accuracy": 0.1}, 0.25),
    trials.failure(PROPOSALS[1], "no\nmemory", 1.5),
    trials.Trial(
      *PROPOSALS[2][:2],
      trials.PRUNED,
      {"accuracy": 0.5},
      gradients=(0.5, -1.0),
      curve=(0.25, 0.5),
    ),
  ]


def write(path, found):
  log = trials.TrialLog(path, SPACE)
  for each in found:
    log.append(each)
  return log


def test_what_is_written_is_read(path):
  log = write(path, some())
  assert log.trials() == trials.read(path.parent) == some()
  assert trials.read(str(path.parent)) == some()
  assert trials.TrialLog(path, SPACE).trials() == some()


def test_lines_by_hand(path):
  write(path, some()[:1])
  (line,) = map(json.loads, path.read_text().splitlines())
  assert line == {
    "number": 4,
    "arc": [0, 2, 1, 1],
    "status": "done",
    "scores": {"reward": 1 / 3, "accuracy": 0.1},
    "seconds": 0.25,
    "reason": None,
    "arc_string": "0 2 1 1",
  }


def test_a_folder_without_trials(tmp_path):
  assert trials.read(tmp_path) == []
  assert not list(tmp_path.iterdir())


def test_without_a_file_it_remembers():
  log = trials.TrialLog()
  for each in some():
    log.append(each)
  assert log.known(PROPOSALS) == some()
  log.rewind(5)
  assert log.trials() == some()[:1]


def test_what_is_not_finite_has_failed():
  for broken in (math.nan, math.inf):
    found = trials.answer(PROPOSALS[0], {"reward": 1.0, "loss": broken}, 0.0)
    assert (found.status, found.scores) == ("failed", {})
    assert found.reason == f"loss={broken} is not finite"
  assert some()[1].reason == r"no\nmemory"  # On one line.


def test_known_are_those_of_the_same_number_and_arc(path):
  log = write(path, some())
  assert log.known(PROPOSALS[1:]) == some()[1:]
  other = answers.proposals(ARCS[:2], first=6)
  # Number 6 is another arc now, so the search went another way.
  assert log.known(other) == []
  assert trials.TrialLog(path, SPACE).trials() == some()[:2]


def test_rewinding_lasts(path):
  log = write(path, some())
  log.rewind(5)
  log.append(some()[1])
  log.rewind(6)  # Nothing is there.
  assert log.trials() == some()[:2]
  assert trials.TrialLog(path, SPACE).trials() == some()[:2]
  assert path.read_text().count("rewind") == 1


def test_other_settings_rewind(path):
  log = trials.TrialLog(path, SPACE)
  log.begin("some", 0)
  for each in some():
    log.append(each)
  same = trials.TrialLog(path, SPACE)
  same.begin("some", 5)
  assert same.trials() == some()
  other = trials.TrialLog(path, SPACE)
  other.begin("others", 5)
  assert other.trials() == some()[:1]
  # Back to the settings from before, there is nothing of them left.
  again = trials.TrialLog(path, SPACE)
  again.begin("some", 5)
  assert again.trials() == trials.read(path.parent) == some()[:1]


@pytest.mark.parametrize("length", [1, 40, -1])
def test_half_a_line_of_a_killed_process_is_left_out(path, length):
  write(path, some()[:1])
  first = path.read_bytes()
  write(path, some()[1:2])
  half = path.read_bytes()[len(first) :][:length]
  path.write_bytes(first + half)
  assert trials.read(path.parent) == some()[:1]
  assert path.read_bytes() == first + half  # Reading writes nothing.
  write(path, some()[1:])
  assert trials.read(path.parent) == some()


@pytest.mark.parametrize(
  "line",
  [
    "",
    "{",
    "[]",
    "null",
    "\udcff",
    '{"rewind": "x"}',
    '{"number": 1}',
    '{"number": 1, "arc": [1], "status": "done", "scores": {}, '
    '"seconds": 0, "reason": null}',
    '{"number": 1, "arc": [1], "status": "well", "scores": {"reward": 1}, '
    '"seconds": 0, "reason": null}',
    '{"number": 1, "arc": [1], "status": "done", "scores": {"reward": NaN}, '
    '"seconds": 0, "reason": null}',
    "[" * 100_000,
  ],
)
def test_damage_is_told_where_it_is(path, line):
  write(path, some())
  lines = path.read_text().splitlines(keepends=True)
  text = "".join([lines[0], line + "\n", *lines[1:]])
  path.write_bytes(text.encode(errors="surrogateescape"))
  before = path.read_bytes()
  for read in (
    lambda: trials.read(path.parent),
    lambda: trials.TrialLog(path, SPACE),
  ):
    with pytest.raises(errors.OutputDirError) as caught:
      read()
    assert "mend or delete it" in str(caught.value)
    assert f"Received: {path}, line 2: " in str(caught.value)
  assert path.read_bytes() == before


def test_a_folder_in_its_place_is_one_clear_error(path):
  path.mkdir()
  with pytest.raises(errors.OutputDirError, match="Received: path="):
    trials.TrialLog(path, SPACE)
