import copy
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import rnn

# What ENAS-pytorch writes for its twelve blocks, keys and all in its order.
DAG = {
  "-1": [[0, "tanh"]],
  "-2": [[0, "tanh"]],
  "0": [[1, "tanh"]],
  "1": [[2, "ReLU"], [3, "tanh"]],
  "2": [[4, "tanh"], [5, "sigmoid"], [6, "ReLU"]],
  "4": [[7, "identity"]],
  "7": [[8, "ReLU"]],
  "8": [[9, "ReLU"], [10, "ReLU"], [11, "ReLU"]],
  "3": [[12, "avg"]],
  "5": [[12, "avg"]],
  "6": [[12, "avg"]],
  "9": [[12, "avg"]],
  "10": [[12, "avg"]],
  "11": [[12, "avg"]],
  "12": [[13, "h[t]"]],
}
SPACE = rnn.RnnSpace(num_nodes=11)
TEXT = "0 0 1 1 1 0 2 0 2 2 2 1 4 3 7 1 8 1 8 1 8 1"


def changed(key, entries):
  return copy.deepcopy(DAG) | {key: entries}


def test_goes_in_and_comes_out_unchanged():
  arc = SPACE.from_json(DAG)
  assert str(arc) == TEXT
  # The text, not just the value: keys are in their order too.
  assert json.dumps(arc.to_dag(), indent=2) == json.dumps(DAG, indent=2)


def test_a_file_of_it_is_an_arc(tmp_path):
  path = tmp_path / "dag.json"
  path.write_text(json.dumps(DAG, indent=2))
  assert SPACE.parse(str(path)) == SPACE.parse(TEXT)


@pytest.mark.parametrize(
  "space", [SPACE, rnn.RnnSpace(11, first_function=True)]
)
def test_random_cells_come_out_unchanged(space):
  rng = np.random.default_rng(0)
  for _ in range(50):
    arc = space.random(rng)
    assert space.from_json(arc.to_dag()) == arc
    assert space.from_json(arc.to_dag()).to_dag() == arc.to_dag()


def test_the_function_of_node_0():
  dag = DAG | {"-1": [[0, "ReLU"]], "-2": [[0, "ReLU"]]}
  with pytest.raises(errors.ArcError, match="Node 0 is always"):
    SPACE.from_json(dag)
  arc = rnn.RnnSpace(11, first_function=True).from_json(dag)
  assert arc.first_function == "relu"
  assert arc.to_dag() == dag


def test_order_of_keys_and_case_of_words_are_free():
  dag = {key: DAG[key] for key in sorted(DAG)}
  dag["1"] = [[3, "TANH"], [2, "relu"]]
  assert SPACE.from_json(dag) == SPACE.parse(TEXT)


def test_the_last_key_may_be_missing():
  dag = {key: each for key, each in DAG.items() if key != "12"}
  assert SPACE.from_json(dag) == SPACE.parse(TEXT)
  assert SPACE.from_json(dag).to_dag() == DAG


def test_another_size_is_named():
  with pytest.raises(errors.ArcError, match="`child_num_nodes=11`"):
    rnn.RnnSpace(num_nodes=12).from_json(DAG)


@pytest.mark.parametrize(
  "key, entries, message",
  [
    ("-1", [[0, "ReLU"]], "Node 0 .* must read -1 and -2, by one function"),
    ("-2", [], "Node 0 .* must read -1 and -2, .*: it reads -1 by tanh$"),
    ("-2", [[0, "tanh"], [1, "tanh"]], "Node 1 .* must read one earlier node"),
    ("0", [[2, "tanh"]], "Node 1 .* one earlier node.*reads nothing$"),
    ("7", [[7, "tanh"], [8, "ReLU"]], "Node 7 .* one earlier node"),
    ("8", [[4, "tanh"], [9, "ReLU"]], "Node 4 .* one earlier node"),
    ("3", [], "Node 12 .* must read 3 by avg, 5 by avg"),
    (
      "4",
      [[7, "tanh"], [12, "avg"]],
      "Node 12 .* must read 3 by avg, 5 by avg",
    ),
    ("3", [[13, "avg"]], "Node 12 .* must read 3 by avg"),
    ("12", [[14, "h[t]"]], "Node 14 .* must read nothing: the last is node 13"),
    ("12", [[13, "avg"]], "Node 13 .* must read 12 by h"),
    ("99", [[99, "avg"]], "Node 99 .* must read nothing"),
  ],
)
def test_a_wrong_node_is_named(key, entries, message):
  with pytest.raises(errors.ArcError, match=message):
    SPACE.from_json(changed(key, entries))


@pytest.mark.parametrize(
  "key, entries",
  [
    ("x", [[1, "tanh"]]),
    ("0", None),
    ("0", 1),
    ("0", [1]),
    ("0", [[1]]),
    ("0", [["1", "tanh"]]),
    ("0", [[1, 2]]),
    ("0", [[1, None]]),
  ],
)
def test_malformed_entries_show_the_form(key, entries):
  with pytest.raises(errors.ArcError, match=r'\[node, "function"\]'):
    SPACE.from_json(changed(key, entries))


def test_an_unknown_function():
  with pytest.raises(errors.ArcError, match="node_1/function=softplus"):
    SPACE.from_json(changed("0", [[1, "softplus"]]))


def test_a_dag_of_the_inputs_alone():
  with pytest.raises(errors.ArcError):
    SPACE.from_json({"-1": [[0, "tanh"]], "-2": [[0, "tanh"]]})
  with pytest.raises(errors.ArcError):
    SPACE.from_json({"-1": []})
