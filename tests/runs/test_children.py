import numpy as np
import pytest

from enas_tf import errors, seeds
from enas_tf.runs import assembly, child_training, children, image_training
from enas_tf.training import trainer
from tests.runs import context, language

SMALL = dict(
  data="digits",
  child_num_cells=1,
  child_ops=("identity", "conv_1x1"),
  final_num_layers=1,
  final_out_filters=2,
  final_batch_size=200,
)


def images(**changed):
  return assembly.Assembly(context.experiment(**SMALL | changed))


def rows(parts, n, seed=0):
  rng = np.random.default_rng(seed)
  return [parts.space.encode(parts.space.random(rng)) for _ in range(n)]


def job(parts, **changed):
  return children.Job(tuple(map(int, rows(parts, 1)[0])), **changed)


def test_the_score_is_the_accuracy_on_the_validation_split(monkeypatch):
  parts, made = images(), []
  inference = parts.parts.inference
  monkeypatch.setattr(
    parts.parts, "inference", lambda x: made.append(inference(x)) or made[-1]
  )
  heard = []
  scores = children.train(
    parts,
    job(parts, epochs=2, reports=True),
    lambda report: heard.append(report) or True,
  )
  data = parts.task.searched
  pixels = (data.valid.images / 255 - data.mean) / data.std
  found = made[0].predict(pixels, verbose=0).argmax(1) == data.valid.labels
  assert [epoch for epoch, _ in heard] == [1, 2]
  assert scores == {"accuracy": heard[1][1]}
  assert scores["accuracy"] == pytest.approx(found.mean(), abs=1e-6)


def test_a_child_can_be_given_up_and_see_fewer_batches(monkeypatch):
  parts, steps = images(), []
  check = trainer.check_finite

  def count(metrics, step):
    steps.append(step)
    check(metrics, step)

  monkeypatch.setattr(trainer, "check_finite", count)
  children.train(
    parts,
    job(parts, epochs=5, fraction=0.5, reports=True),
    lambda report: report[0] < 2,
  )
  assert len(parts.task.searched.train) == 1294
  assert steps == list(range(1, 9))  # 4 of 7 batches, in 2 of 5 epochs.


@pytest.mark.parametrize(
  "given",
  [{}, dict(final_optimizer="sgd", final_lr_max=0.01, final_mixup=0.3)],
)
def test_it_trains_as_keras_fit_trains_a_final_child(monkeypatch, given):
  """The weights are those of `fit`, on the same batches."""
  # Without dropouts, whose masks are others.
  kept = dict(final_keep_prob=1.0, final_drop_path_keep_prob=1.0, **given)
  parts, made = images(**kept), []
  make = parts.parts.make_child

  def keep(arc, seed, total_steps):
    made.append((make(arc, seed, total_steps), make(arc, seed, total_steps)))
    return made[-1][0]

  monkeypatch.setattr(parts.parts, "make_child", keep)
  children.train(parts, job(parts, epochs=2))
  ((ours, theirs),) = made
  settings = child_training.scaled(parts.experiment.final, 2)
  seed = seeds.derive(seeds.derive(parts.seed("children"), "0"), "batches")
  image_training.compile_child(theirs, settings, 7)
  stream = parts.task.train_stream(settings, seed)
  theirs.fit(
    image_training.with_targets(theirs, stream(0)),
    epochs=2,
    steps_per_epoch=7,
    verbose=0,
  )
  for a, b in zip(ours.variables, theirs.variables, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4, err_msg=a.path)


def test_a_child_can_be_scored_on_the_test_split():
  parts = images()
  scores = children.train(parts, job(parts, split="test"))
  assert 0 <= scores["accuracy"] <= 1
  images_ = len(parts.task.trained.test)
  assert scores["accuracy"] * images_ == pytest.approx(
    round(scores["accuracy"] * images_), abs=1e-4
  )


def test_a_divergence_is_told():
  parts = images(final_lr_max=1e30, final_lr_min=1e29)
  with pytest.raises(errors.DivergenceError, match="not finite"):
    children.train(parts, job(parts, epochs=2))


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_language_model_is_scored_at_its_best(split):
  parts = assembly.Assembly(
    language.experiment(final_hidden_size=8, final_batch_size=200, final_lr=5.0)
  )
  heard = []
  score = children.train(
    parts,
    job(parts, epochs=3, fraction=0.02, reports=True, split=split),
    lambda report: heard.append(report) or True,
  )["perplexity"]
  best = min(value for _, value in heard)
  assert len(heard) == 3
  if split == "valid":
    assert score == best
  assert 1 < score < 60


def test_schedules_are_scaled():
  parts = images(final_num_epochs=630)
  final = parts.experiment.final
  assert child_training.scaled(final, 630) is final
  short = child_training.scaled(final, 20)
  assert (short.num_epochs, short.lr_T_0) == (20, 20)
  decays = context.experiment(
    "rnn", final_num_epochs=100, final_lr_dec_every=10
  ).final
  assert child_training.scaled(decays, 30).lr_dec_every == 3
