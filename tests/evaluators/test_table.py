"""Tables in files, and what their arcs are worth."""

import itertools
import json

import numpy as np
import pytest

from enas_tf import errors, trials
from enas_tf.evaluators import table
from enas_tf.spaces import micro

CSV = "a,op,acc\n0,conv,90.5\n1,conv,91\n0,max pool,92.25\n1,max pool,\n"


@pytest.fixture
def written(tmp_path):
  def write(content, name="table.csv"):
    path = tmp_path / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path

  return write


def worth(found):
  """Returns the score of each arc, by what stands in the table."""
  return {
    " ".join(map(str, found.space.decode(arc).options)): each["reward"]
    for arc, each in found.scores.items()
  }


DIGITS = {"01": 1.0, "00": 0.5, "11": 3.0, "10": 2.0}
RECORDS = [{"a": int(k[0]), "b": int(k[1]), "s": v} for k, v in DIGITS.items()]
COLUMNS = {name: [each[name] for each in RECORDS] for name in ("a", "b", "s")}


def lines(head, form):
  """Returns a text with a line for each arc, made from (number, arc, score)."""
  return "".join(
    [head, *(form(i, k, v) for i, (k, v) in enumerate(DIGITS.items()))]
  )


def keyed(form):
  """Returns the JSON whose keys are arcs."""
  return {key: form(score) for key, score in DIGITS.items()}


FORMS = {
  "keys": (keyed(lambda s: {"acc": s, "lr": 9.5}), "acc", ()),
  "keys_one_metric": (keyed(lambda s: {"acc": s}), None, ()),
  "keys_with_names": (keyed(lambda s: {"acc": s}), None, ("p", "q")),
  "keys_nested": (keyed(lambda s: {"c": {"acc": s}}), "c.acc", ()),
  "keys_seeds": (keyed(lambda s: {"acc": [s, s + 1, s - 1]}), "acc", ()),
  "keys_lists": (keyed(lambda s: [s, s]), None, ()),
  "keys_numbers": (DIGITS, None, ()),
  "keys_commas": ({", ".join(k): v for k, v in DIGITS.items()}, None, ()),
  "keys_tuples": ({f"({k[0]}, {k[1]})": DIGITS[k] for k in DIGITS}, None, ()),
  "records": (RECORDS, "s", ("a", "b")),
  "records_guessed": (RECORDS, "s", ()),
  "records_of_arcs": (
    [{"arc": [*k], "s": v} for k, v in DIGITS.items()],
    "s",
    ("arc",),
  ),
  "columns": (COLUMNS, "s", ("a", "b")),
  "columns_of_pandas": (
    {k: dict(zip("0123", v, strict=True)) for k, v in COLUMNS.items()},
    "s",
    ("a", "b"),
  ),
  "columns_of_arcs": (
    {"arc": [[*k] for k in DIGITS], "s": [*DIGITS.values()]},
    "s",
    (),
  ),
  "csv": (lines("a,b,s\n", lambda i, k, v: f"{k[0]},{k[1]},{v}\n"), "s", ()),
  "csv_of_arcs": (lines("x,s\n", lambda i, k, v: f"{k},{v}\n"), "s", ("x",)),
  "csv_semicolons_bom_percent": (
    lines("\ufeffa;b;s\r\n", lambda i, k, v: f"{k[0]}.0;0{k[1]};{v}%\r\n"),
    "s",
    (),
  ),
  "csv_tabs_index": (
    lines("\ta\tb\ts\n", lambda i, k, v: f"{i}\t{k[0]}\t{k[1]}\t{v}\n"),
    "s",
    ("a", "b"),
  ),
  "csv_seeds": (
    lines(
      "s,b,a,seed\n",
      lambda i, k, v: f"{v - 1},{k[1]},{k[0]},7\n{v + 1},{k[1]},{k[0]},8\n",
    ),
    "s",
    ("a", "b"),
  ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".json", ".csv", ""])
def test_one_table_in_many_forms(written, form, suffix):
  content, score, decisions = FORMS[form]
  if suffix == ".json" and form.startswith("csv"):
    pytest.skip("It is no JSON.")
  found = table.load(written(content, f"x{suffix}"), score, decisions)
  assert worth(found) == {" ".join(k): v for k, v in DIGITS.items()}
  assert found.rewards.max() == 3
  if decisions in (("a", "b"), ("p", "q")):
    assert tuple(d.name for d in found.space.decisions) == decisions


def test_words_and_numbers_are_options(written):
  found = table.load(written(CSV))
  assert found.score == "acc"
  assert [d.options for d in found.space.decisions] == [
    (0, 1),
    ("conv", "max pool"),
  ]
  assert worth(found) == {"0 conv": 90.5, "1 conv": 91, "0 max pool": 92.25}


def test_whole_numbers_behind_a_full_grid_are_scores(written):
  text = "a,b,acc,seconds\n0,x,90,5\n0,y,91,6\n1,x,92,5\n1,y,90,7\n"
  found = table.load(written(text), "acc")
  assert [d.name for d in found.space.decisions] == ["a", "b"]
  assert found.scores[1, 1] == {"reward": 90, "acc": 90, "seconds": 7}


def test_options_of_numbers_stand_in_their_order(written):
  text = "size,lr,s\n128,0.1,1\n16,1e-3,2\n32,0.01,3\n"
  found = table.load(written(text), "s", ("size", "lr"))
  assert [d.options for d in found.space.decisions] == [
    (16, 32, 128),
    ("0.001", "0.01", "0.1"),
  ]


def test_an_arc_that_is_not_there_is_a_failed_trial(written):
  evaluator = table.TableEvaluator(table.load(written(CSV)))
  proposals = [trials.Proposal(i, (i % 2, i // 2)) for i in range(4)]
  told = list(evaluator.evaluate(proposals))
  assert [each.number for each in told] == [0, 1, 2, 3]
  assert [each.is_done for each in told] == [True, True, True, False]
  assert [each.scores for each in told[:3]] == [
    {"reward": x, "acc": x} for x in (90.5, 91, 92.25)
  ]
  assert told[3].reason == "the table does not have this arc"


def test_all_that_is_known_of_an_arc_is_told(written):
  content = {"0": {"acc": 93.1, "params": 5, "note": "x", "reward": 1}}
  found = table.load(written(content, "x.json"), "acc")
  assert found.scores[0,] == {"acc": 93.1, "reward": 93.1, "params": 5}


@pytest.mark.parametrize(
  "content, score, decisions, message",
  [
    ("", None, (), "no rows"),
    ("a,acc\n", None, (), "no rows"),
    ("{", None, (), "not JSON"),
    ("[1, 2]", None, (), "is an object.*entry 0: 1"),
    ("{}", None, (), "no rows"),
    ({"00": {"s": 1}, "000": {"s": 2}}, None, (), "2 decisions.*key '000'"),
    ({"a": [1, 2], "s": [1]}, "s", (), "one length.*a: 2 cells, s: 1 cells"),
    (CSV, "accuracy", (), "a, op, acc: correct `evaluator_score`.*=accuracy"),
    (CSV, "ac", (), "Did you mean acc?"),
    (CSV, "acc", ("b",), "correct `evaluator_decisions`.*=b"),
    (CSV, "acc", ("a", "acc"), "the score is none of them"),
    (CSV, "acc", ("a", "a"), "all different"),
    (CSV, "op", ("a",), "is not a number.*line 2: op='conv'"),
    ("a,s,t\n0,.5,.25\n1,.25,.5\n", None, (), "must be said.*are s, t"),
    ("a,s\n0,.5\n0,.75\n1,1\n", "s", (), "Two rows.*line 2 and line 3"),
    ("a,s\n0,.5\n1\n", "s", (), "1 cells and the first line 2.*line 3"),
    ("a,s\n0,.5\n,1\n", "s", ("a",), "empty.*line 3: a="),
    ("a,s\n0,x\n1,1\n", "s", ("a",), "not a number.*line 2: s='x'"),
    ("a,s\n0,\n1,nan\n", "s", ("a",), "no score.*evaluator_score=s"),
    ("0,1,93.5\n1,1,92\n", None, (), "holds numbers"),
    ("a,a,s\n0,1,93.5\n", "s", ("a",), "one name.*column 'a'"),
    ("s,t\n.5,.25\n.1,.3\n", "s", (), "columns of words or integers"),
    ('a,s\n"0,1\n', "s", (), "cannot be read"),
  ],
)
def test_bad_tables(written, content, score, decisions, message):
  path = written(content)
  with pytest.raises(errors.DataError, match=message) as error:
    table.load(path, score, decisions)
  assert f"Received: evaluator_table={path}" in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
  with pytest.raises(errors.DataError, match="no such file.*evaluator_table="):
    table.load(tmp_path / "missing.csv")
  with pytest.raises(errors.DataError, match="cannot be read"):
    table.load(tmp_path)
  (tmp_path / "latin").write_bytes(b"a,s\n\xe4,1\n")
  with pytest.raises(errors.DataError, match="cannot be read"):
    table.load(tmp_path / "latin")


def test_a_file_that_changed_is_read_again(written):
  assert worth(table.load(written("a,s\n0,.5\n1,.25\n")))["0"] == 0.5
  assert worth(table.load(written("a,s\n0,.75\n1,.25\n")))["0"] == 0.75


def test_it_needs_a_file_and_its_own_space(written):
  settings = {"evaluator_table": None, "search_for": "micro"}
  with pytest.raises(errors.ConfigError, match="`evaluator_table=FILE`"):
    table.from_settings(settings)
  with pytest.raises(errors.ConfigError, match="a search space of its own"):
    table.TableEvaluator.from_settings(settings, micro.MicroSpace())


def test_a_large_table(written):
  """As large as the benchmarks of architectures are."""
  arcs = list(itertools.product(range(5), repeat=6))
  scores = np.random.default_rng(0).normal(90, 2, len(arcs))
  lines = [
    ",".join(map(str, [*arc, score]))
    for arc, score in zip(arcs, scores, strict=True)
  ]
  text = "\n".join([",".join("abcdef") + ",s", *lines])
  found = table.load(written(text))
  assert len(found.scores) == 5**6 and found.space.num_decisions == 6
  np.testing.assert_array_equal(found.rewards, scores)
