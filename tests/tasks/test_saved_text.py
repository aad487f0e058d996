import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.data import text
from enas_tf.networks import rnn_child
from enas_tf.spaces import rnn
from enas_tf.tasks import saved_text

ARC = rnn.RnnSpace(2).parse("0 2 1 1")
VOCABULARY = (
  "the",
  text.EOS,
  "cat",
  ",",
  "sat",
  text.UNK,
  ".",
  "don't",
  "_x",
  "caf\u00e9",
  "-",
)
EOS, UNK = VOCABULARY.index(text.EOS), VOCABULARY.index(text.UNK)
DESCRIPTION = {
  "vocabulary": list(VOCABULARY),
  "token": text.TEXT_TOKEN,
  "arc_string": str(ARC),
  "data": "text",
}
TEXTS = (
  "the cat sat",
  "The the, sat.cat... don't\tthe",
  "the <unk> sat on a _x caf\u00e9",
  "'the cat-cat' <eos>",
  "",
  "  the \n cat\u00a0cat  ",
)
IDS = [[0, 2, 4, 6], [3, 3, 5, 1]]
UNITS = 8
START = "The cat,"

SCRIPT = """
import json, sys
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
given = json.loads(sys.argv[2])
read = lambda answer: {k: v.numpy().tolist() for k, v in answer.items()}
go_on = lambda num, temperature, seed: model.continue_text(
  tf.constant(given["start"]), tf.constant(num), tf.constant(temperature),
  tf.constant([seed, 0]),
)["text"].numpy().decode()
default = model.signatures["serving_default"]
print(json.dumps({
  "score": read(model.score(tf.constant(given["texts"]))),
  "alone": [read(model.score(tf.constant([t]))) for t in given["texts"]],
  "served": read(default(texts=tf.constant(given["texts"]))),
  "ids": read(model.score_ids(tf.constant(given["ids"]))),
  "none": go_on(0, 1.0, 0),
  "from_nothing": model.continue_text(
    tf.constant(""), tf.constant(3), tf.constant(1.0), tf.constant([0, 0])
  )["text"].numpy().decode(),
  "cautious": go_on(5, 1e-6, 0),
  "hot": go_on(20, 1e6, 0),
  "sampled": [go_on(9, 1.0, seed) for seed in (0, 0, 1, 2)],
  "signatures": sorted(model.signatures),
  "arc": model.arc.numpy().decode(),
  "description": json.loads(model.description.numpy()),
  "modules": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


@pytest.fixture(scope="module")
def model():
  model = rnn_child.build(
    ARC, vocab_size=len(VOCABULARY), hidden_size=UNITS, drop_x=0.5, seed=0
  )
  for variable in model.trainable_variables:
    variable.assign(40 * variable)
  return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
  """The folder of an export, written twice and then moved away."""
  folder = tmp_path_factory.mktemp("export")
  for _ in range(2):
    saved_text.export(model, DESCRIPTION, folder / "first")
  return (folder / "first" / "export").rename(folder / "moved")


@pytest.fixture(scope="module")
def answers(exported, tmp_path_factory):
  """What the export answers in a process of its own, far from enas_tf."""
  given = {"texts": TEXTS, "ids": IDS, "start": START}
  process = subprocess.run(
    [
      sys.executable,
      "-c",
      SCRIPT,
      str(exported / "saved_model"),
      json.dumps(given),
    ],
    cwd=tmp_path_factory.mktemp("elsewhere"),
    capture_output=True,
    text=True,
    check=False,
  )
  assert process.returncode == 0, process.stderr
  return json.loads(process.stdout)


def encode(line):
  words = text.tokenize(text.TEXT_TOKEN, line)
  return [VOCABULARY.index(w) if w in VOCABULARY else UNK for w in words]


def expected(model, ids):
  """Returns the log-probability of ids behind the first, in NumPy."""
  given = {
    "tokens": tf.constant([ids[:-1]]),
    "state": tf.zeros([1, UNITS]),
  }
  logits = model(given)["logits"][0].numpy().astype(np.float64)
  log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  return log_probs[np.arange(len(ids) - 1), ids[1:]].sum()


def assert_scores(found, log_probs, words):
  np.testing.assert_allclose(found["log_probability"], log_probs, 1e-4)
  assert found["words"] == words
  perplexities = np.exp(-np.array(log_probs) / words)
  np.testing.assert_allclose(found["perplexity"], perplexities, 1e-4)


def test_words_by_hand():
  """What the texts below are made of: case counts, marks stand alone."""
  found = [[VOCABULARY[i] for i in encode(line)] for line in TEXTS]
  assert found == [
    ["the", "cat", "sat"],
    [text.UNK, "the", ",", "sat", ".", "cat", ".", ".", ".", "don't", "the"],
    ["the", text.UNK, "sat", text.UNK, text.UNK, "_x", "caf\u00e9"],
    [text.UNK, "the", "cat", "-", "cat", text.UNK, *[text.UNK] * 3],
    [],
    # What Unicode calls a blank is a letter.
    ["the", text.UNK],
  ]


def test_needs_nothing_of_ours(answers):
  assert "enas_tf" not in answers["modules"]


def test_scores_texts_as_lines(answers, model):
  lines = [[EOS, *encode(line), EOS] for line in TEXTS]
  log_probs = [expected(model, ids) for ids in lines]
  words = [len(ids) - 1 for ids in lines]
  assert_scores(answers["score"], log_probs, words)
  assert len({round(each, 3) for each in log_probs}) == len(TEXTS)


def test_what_texts_stand_together_does_not_matter(answers):
  for name, value in answers["score"].items():
    alone = [each[name][0] for each in answers["alone"]]
    np.testing.assert_allclose(value, alone, 1e-5)


def test_scores_are_the_default_signature(answers):
  assert answers["served"] == answers["score"]
  assert answers["signatures"] == [
    "continue_text",
    "score_ids",
    "serving_default",
  ]


def test_scores_ids_as_they_are(answers, model):
  assert_scores(answers["ids"], [expected(model, ids) for ids in IDS], [3, 3])


def test_continues_a_text(answers):
  for line in answers["sampled"]:
    assert line.startswith(START + " ")
    words = line.removeprefix(START).split()
    assert len(words) == 9
    assert set(words) <= set(VOCABULARY)


def test_continues_as_the_seed_says(answers):
  first, same, *others = answers["sampled"]
  assert same == first
  assert len({first, *others}) == 3


def test_every_word_is_drawn_anew(answers):
  words = answers["hot"].removeprefix(START).split()
  assert len(words) == 20
  assert len(set(words)) > 5


def test_continues_with_the_likeliest_word_when_it_is_cautious(answers, model):
  ids, words = [EOS, *encode(START)], []
  for _ in range(5):
    given = {"tokens": tf.constant([ids]), "state": tf.zeros([1, UNITS])}
    ids.append(int(tf.argmax(model(given)["logits"][0, -1])))
    words.append(VOCABULARY[ids[-1]])
  assert answers["cautious"] == " ".join([START, *words])


def test_continues_by_no_words(answers):
  assert answers["none"] == START


def test_continues_nothing(answers):
  words = answers["from_nothing"].split(" ")
  assert len(words) == 3
  assert set(words) <= set(VOCABULARY)


def test_tells_what_it_is(answers):
  assert answers["arc"] == str(ARC)
  assert answers["description"] == DESCRIPTION


def test_leaves_its_files(exported, model):
  names = {path.name for path in exported.iterdir()}
  assert names == {"saved_model", "child.keras", "vocabulary.txt"}
  words = (exported / "vocabulary.txt").read_text("utf-8").splitlines()
  assert tuple(words) == VOCABULARY
  loaded = keras.saving.load_model(exported / "child.keras", compile=False)
  given = {"tokens": tf.constant(IDS), "state": tf.zeros([2, UNITS])}
  np.testing.assert_array_equal(loaded(given)["logits"], model(given)["logits"])
