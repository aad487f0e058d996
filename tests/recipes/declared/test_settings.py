"""A declared space through all verbs."""

import json

import keras
import numpy as np
import pytest

import enas_tf
from enas_tf import errors
from enas_tf.recipes import base
from enas_tf.runs import children
from tests import engines

DECISIONS = {
  "depth": [1, 2],
  "filters": [2, 4],
  "kernel": enas_tf.Choice([1, 3], when={"depth": [2]}),
}


def build(arc, input_shape, num_classes):
  assert set(arc) == {"depth", "filters", *["kernel"] * (arc["depth"] == 2)}
  layers = [keras.Input(input_shape)]
  for _ in range(arc["depth"]):
    layers.append(
      keras.layers.Conv2D(
        arc["filters"], arc.get("kernel", 1), activation="relu"
      )
    )
  layers += [
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(num_classes),
  ]
  return keras.Sequential(layers)


@pytest.fixture
def register():
  def register(build=build, decisions=None, name="nets"):
    enas_tf.register_space(name, decisions or DECISIONS, build)

  yield register
  if "nets" in [each.name for each in base.every()]:
    base.forget("nets")


@pytest.fixture(autouse=True)
def without_processes(monkeypatch):
  """Workers are tested elsewhere, and by the example."""

  def train(job, report):
    return {"accuracy": (1 + np.sum(job.arc)) / 8}

  monkeypatch.setattr(
    children, "make_engine", lambda parts: engines.Engine(train)
  )


def search(folder, **given):
  return enas_tf.Search(
    "nets",
    data="digits",
    output_dir=folder,
    verbose=False,
    **{
      "controller": "evolution",
      "controller_population_size": 4,
      "controller_tournament_size": 2,
      "num_epochs": 1,
      "final_num_epochs": 1,
      "batch_size": 256,
      **given,
    },
  )


def test_all_verbs(register, tmp_path):
  register()
  made = search(tmp_path)
  assert made.settings["evaluator"] == "from_scratch"
  made.run()
  arc = made.best_arc
  assert arc.choices == {"depth": 2, "filters": 4, "kernel": 3}
  rows = json.loads((tmp_path / "leaderboard.json").read_text())
  arcs = [json.dumps(row["arc"], sort_keys=True) for row in rows]
  assert len(set(arcs)) == len(arcs) <= 6  # 2 of depth 1, and 4 others.
  # Two convolutions of 3 x 3 with biases, and the classifier.
  assert rows[0]["parameters"] == (9 + 1) * 4 + (9 * 4 + 1) * 4 + 5 * 10
  child = made.train()
  assert child.output_shape == (None, 10)
  assert 0 <= made.evaluate()["test_accuracy"] <= 1
  exported = made.export()
  again = enas_tf.load_model(tmp_path)
  pixels = np.zeros((2, 8, 8, 1), np.uint8)
  np.testing.assert_allclose(again.predict(pixels, verbose=0).sum(1), 1, 1e-5)
  assert exported
  # Another process goes on.
  more = search(tmp_path, num_epochs=2)
  more.run()
  assert len(enas_tf.read_trials(tmp_path)) == 40


def test_children_of_one_seed_begin_alike(register, tmp_path):
  from enas_tf.runs import assembly

  register()
  built = assembly.Assembly(search(tmp_path)._experiment)
  arc = built.space.parse("2 4 3")
  one, same, other = (
    built.parts.make_child(arc, seed, 1).get_weights()[0] for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(one, same)
  assert np.abs(one - other).max() > 0.01


def test_another_process_goes_on_with_a_training(register, tmp_path):
  """Keras has numbered other layers there."""
  register()
  settings = {"evaluator": lambda arc: arc.choices["filters"]}
  made = search(tmp_path, **settings)
  made.run()
  made.train()
  for _ in range(3):
    keras.layers.Conv2D(2, 3)
    keras.layers.Dense(2)
  again = search(tmp_path, final_num_epochs=2, **settings)
  again.train()
  (rows,) = tmp_path.glob("final/*/metrics.csv")
  assert len(rows.read_text().splitlines()) == 1 + 2


def test_shared_weights_are_refused(register, tmp_path):
  register()
  with pytest.raises(errors.ConfigError, match="share no weights"):
    search(tmp_path, evaluator="shared_weights").run()


@pytest.mark.parametrize(
  ("build", "message"),
  [
    (lambda arc, **_: None, "returns a keras.Model.*NoneType for .'depth'"),
    (
      lambda arc, input_shape, num_classes: keras.Sequential(
        [keras.Input(input_shape), keras.layers.Flatten()]
      ),
      "Dense.10.*output_shape=.None, 64",
    ),
  ],
)
def test_functions_that_build_no_classifier(register, tmp_path, build, message):
  def wrong(arc, input_shape, num_classes):
    return build(arc, input_shape=input_shape, num_classes=num_classes)

  register(wrong)
  with pytest.raises(errors.ConfigError, match=message):
    search(tmp_path).run()


def test_what_cannot_be_registered(register):
  with pytest.raises(errors.ConfigError, match="a function that builds"):
    register(None)
  with pytest.raises(errors.ConfigError, match="micro"):
    register(name="micro")
  with pytest.raises(errors.ConfigError, match="one or more"):
    register(decisions={"a": []})
