"""Every kind of --child_fixed_arc that is none."""

import json

import pytest

from enas_tf.spaces import micro
from tests.bad_inputs import commands as commands_lib

MICRO = str(micro.PUBLISHED["enas_micro"])
DEEP = "[" * 100_000
FLAGS = {
  "micro": ["--search_for=micro", "--data=digits"],
  "macro": ["--search_for=macro", "--data=digits", "--child_num_layers=2"],
  "rnn": ["--search_for=rnn", "--data=pydoc", "--child_num_nodes=2"],
}

TEXTS = [
  ("micro", "garbage", "word 0 is not an integer"),
  ("micro", "1 2", "has 40 integers, this one has 2"),
  ("micro", "9" * 5000, "has 40 integers, this one has 1"),
  ("micro", f"{MICRO[:-1]}{'9' * 5000}", r"Integer 39 of the arc .*\[0, 5\)"),
  ("micro", MICRO.replace("0 2", "0 -2", 1), "word 1 is not an integer"),
  ("micro", MICRO.replace("0 2", "0 2.0", 1), "word 1 is not an integer"),
  ("micro", MICRO.replace("0", "7", 1), r"Integer 0 .*must be in \[0, 2\)"),
  ("micro", MICRO.replace("0", "٣", 1), "word 0 is not an integer"),
  ("micro", f"{MICRO} 0", "has 40 integers, this one has 41"),
  ("micro", "0 " * 100_000, "has 40 integers, this one has 100000"),
  ("micro", "enas_macro", r"published arc \(enas_micro\)"),
  ("micro", "enas_lm", r"published arc \(enas_micro\)"),
  ("macro", "enas_micro", "published arc"),
  ("rnn", "enas_micro", "published arc"),
  ("rnn", "enas_lm", "published arc"),  # It has 8 nodes.
  ("micro", "{", "is not JSON"),
  ("micro", "[1, 2]", "not of this micro space|A micro arc in JSON"),
  ("micro", DEEP, "is not JSON"),
  ("micro", '{"normal": NaN, "reduction": []}', "A micro arc in JSON"),
  ("micro", '{"arc": null}', "micro"),
  ("micro", "no_such.json", "file cannot be read.*no_such.json"),
  ("micro", "~nosuchuser/a.json", "file cannot be read"),
  ("micro", "/dev/null/a.json", "file cannot be read"),
  ("micro", f"{'x' * 5000}.json", "file cannot be read"),
  ("macro", "0 1", "has 3 integers, this one has 2"),
  ("macro", "0 1 2", r"Integer 2 .*must be in \[0, 2\)"),
  ("macro", "9 0 1", r"Integer 0 .*must be in \[0, 6\)"),
  ("rnn", "0 1", "integers"),
  ("rnn", "0 9 0 0", "Integer 1"),
]


@pytest.mark.parametrize(
  ("space", "arc", "words"), TEXTS, ids=[f"{s}:{a[:20]}" for s, a, _ in TEXTS]
)
def test_texts(commands, tmp_path, space, arc, words):
  flags = [*FLAGS[space], "--mode=train", f"--child_fixed_arc={arc}"]
  commands_lib.refuse(commands, tmp_path, flags, words)


NODES = [[0, "identity", 1, "identity"]] * 5
DAG = {
  "-1": [[0, "tanh"]],
  "-2": [[0, "tanh"]],
  "0": [[1, "relu"]],
  "1": [[2, "relu"]],
  "2": [[3, "avg"]],
  "3": [[4, "h[t]"]],
}


def without(value, *keys):
  return {k: v for k, v in value.items() if k not in keys}


FILES = [
  ("micro", "", "is not JSON"),
  ("micro", "null", "micro"),
  ("micro", "17", "micro"),
  ("micro", "1" * 5000, "is not JSON"),
  ("micro", '"0 1"', "has 40 integers"),
  ("micro", DEEP, "is not JSON"),
  ("micro", '{"a":' * 50_000, "is not JSON"),
  ("micro", "\0" * 10_000, "is not JSON"),
  ("micro", {}, "A micro arc in JSON"),
  ("micro", {"arc": {}}, "A micro arc in JSON"),
  ("micro", {"arc": [[]]}, "micro"),
  ("micro", {"normal": NODES}, "A micro arc in JSON"),
  ("micro", {"normal": NODES, "reduction": NODES[:4]}, "same number of nodes"),
  ("micro", {"normal": NODES[:2], "reduction": NODES[:2]}, "40 integers"),
  ("micro", {"normal": [[0]], "reduction": []}, "A micro arc in JSON"),
  (
    "micro",
    {"normal": NODES, "reduction": [[0, "no_op", 1, "identity"]] * 5},
    "'no_op' is not in this space",
  ),
  (
    "micro",
    {"normal": NODES, "reduction": [[0, {}, 1, "identity"]] * 5},
    "is not in this space|micro arc in JSON",
  ),
  (
    "micro",
    {"normal": NODES, "reduction": [[1e99, "identity", 1, "identity"]] * 5},
    "A micro arc in JSON",
  ),
  (
    "micro",
    {"normal": NODES, "reduction": [[10**4000, "identity", 1, "identity"]] * 5},
    "must be in",
  ),
  ("micro", {"layers": [["conv_3x3", []]]}, "A micro arc in JSON"),
  ("micro", {"nodes": [[0, "tanh"]]}, "A micro arc in JSON"),
  ("macro", {"normal": NODES, "reduction": NODES}, "A macro arc in JSON"),
  ("macro", {"layers": [["conv_3x3", []]]}, "Received"),
  ("macro", {"layers": [["conv_3x3", []], ["conv_3x3", [2]]]}, "Received"),
  ("macro", {"layers": [["conv_3x3", []], ["conv_3x3", []]]}, "Received"),
  ("macro", {"layers": [["no", []], ["conv_3x3", [0]]]}, "'no' is not in"),
  ("macro", {"layers": "ab"}, "A macro arc in JSON"),
  ("rnn", {"normal": NODES, "reduction": NODES}, "An RNN arc in JSON"),
  ("rnn", {"nodes": [[0, "tanh"]]}, "--child_num_nodes|nodes"),
  ("rnn", {"nodes": [[0, "tanh"], [5, "tanh"]]}, "must be in"),
  ("rnn", {"nodes": [[0, "tanh"], [0, "softmax"]]}, "softmax"),
  ("rnn", {"nodes": [[0, "tanh"], [0, 5]]}, "5 is not in this space"),
  ("rnn", without(DAG, "-2"), "Node 0 of this DAG must read"),
  ("rnn", without(DAG, "0"), "Node 1 of this DAG must read|--child_num_nodes"),
  ("rnn", without(DAG, "2"), "of this DAG must read"),
  ("rnn", DAG | {"0": [[1, "relu"], [1, "tanh"]]}, "of this DAG must read"),
  ("rnn", DAG | {"0": [[99, "relu"]]}, "of this DAG must read"),
  ("rnn", DAG | {"0": 5}, "A DAG in JSON"),
  ("rnn", DAG | {"x": [[1, "relu"]]}, "A DAG in JSON"),
  ("rnn", DAG | {"-1": []}, "Node 0 of this DAG"),
  ("rnn", DAG | {"9": [[10**4000, "relu"]]}, "DAG|not JSON"),
  ("rnn", DAG | {"1" * 5000: [[1, "relu"]]}, "A DAG in JSON"),
]


@pytest.mark.parametrize(("space", "value", "words"), FILES)
def test_files(commands, tmp_path, space, value, words):
  content = value if isinstance(value, str) else json.dumps(value)
  (tmp_path / "arc.json").write_text(content)
  flags = [*FLAGS[space], "--mode=train", "--child_fixed_arc=arc.json"]
  commands_lib.refuse(commands, tmp_path, flags, words)


def folder(path):
  path.mkdir()


def no_text(path):
  path.write_bytes(bytes(range(256)))


def itself(path):
  path.symlink_to(path)


def endless(path):
  path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [folder, no_text, itself, endless])
def test_what_is_no_text(commands, tmp_path, make):
  make(tmp_path / "arc.json")
  flags = [*FLAGS["micro"], "--mode=train", "--child_fixed_arc=arc.json"]
  words = r"arc's JSON file cannot be read.*arc\.json|is not JSON"
  commands_lib.refuse(commands, tmp_path, flags, words)
