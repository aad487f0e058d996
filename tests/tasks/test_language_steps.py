import functools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import text_windows
from enas_tf.networks import rnn_child, rnn_supernet
from enas_tf.spaces import rnn
from enas_tf.tasks import language_steps
from enas_tf.training import averaging, optimizers
from enas_tf.training import trainer as trainers

SPACE = rnn.RnnSpace(2)
VOCAB, UNITS, ROWS, STEPS = 7, 8, 3, 4
SIZES = dict(vocab_size=VOCAB, hidden_size=UNITS, output="all", seed=0)
RATES = dict(drop_e=0.1, drop_i=0.2, drop_x=0.3, drop_l=0.25, drop_o=0.3)
SETTINGS = dict(alpha=0.7, beta=2.0, l2_reg=1e-3, grad_bound=0.1)
ARC = SPACE.parse("0 2 1 1")
OTHER = SPACE.parse("0 0 0 3")
# Three windows of random words, and the word after them.
TEXT = np.random.default_rng(0).integers(VOCAB, size=(ROWS, 13), dtype=np.int32)


def take_steps(trainer, steps):
  """Takes steps of the one cell; returns the means of the metrics."""
  means = trainers.Means()
  trainer.run_steps([None] * steps, means)
  assert means.count == steps
  return trainer.summary(means)


def schedule(step):
  return 0.5 / (1 + tf.cast(step, tf.float32))


def build_net(rates=RATES, **changed):
  """Returns a supernet with larger weights than it starts with."""
  net = rnn_supernet.RnnSupernet(SPACE, **(SIZES | rates | changed))
  return enlarged(net)


def build_child(rates=RATES):
  return enlarged(rnn_child.build(ARC, **SIZES, **rates))


def enlarged(net):
  for variable in net.trainable_variables:
    variable.assign(20 * variable)
  return net


def build_trainer(net, windows=None, rate=schedule, average=None, **changed):
  windows = windows or functools.partial(text_windows.windows, TEXT, STEPS)
  settings = SETTINGS | changed
  penalties = {name: settings.pop(name) for name in ("alpha", "beta")}
  optimizer = optimizers.ClippedDescent(
    [v.value for v in net.trainable_variables], rate, **settings
  )
  steps = language_steps.LanguageSteps(UNITS, bptt_steps=STEPS, **penalties)
  return trainers.Trainer(
    net, steps, windows, optimizer, batch_size=ROWS, average=average
  )


def rows(*arcs):
  return np.array([SPACE.encode(arc) for arc in arcs], np.int32)


def window(length, is_first=False, seed=0):
  words = np.random.default_rng(seed).integers(VOCAB, size=(ROWS, length + 1))
  words = words.astype(np.int32)
  return text_windows.Window(words[:, :-1], words[:, 1:], np.array(is_first))


# Two texts, in windows of different lengths.
WINDOWS = (
  window(4, is_first=True, seed=1),
  window(4, seed=2),
  window(7, seed=3),
  window(2, is_first=True, seed=4),
  window(1, seed=5),
)


class Reference:
  """Plain gradient steps with dense gradients, all else in NumPy."""

  def __init__(self, net):
    self.net = net
    self.losses, self.norms = [], []
    self._state = np.zeros([ROWS, UNITS], np.float32)

  def step(self, window, number, arc=None):
    if window.is_first:
      self._state = np.zeros_like(self._state)
    given = {"tokens": window.inputs, "state": self._state}
    if arc is not None:
      given["arc"] = SPACE.encode(arc)
    variables = [v.value for v in self.net.trainable_variables]
    with tf.GradientTape() as tape:
      outputs = self.net(
        {k: tf.constant(v) for k, v in given.items()}, training=True
      )
      x = outputs["outputs"]
      total = (
        self._loss(window.targets, outputs["logits"])
        + 0.7 * tf.reduce_mean(x**2)
        + 2.0 * self._slowness(x)
      )
    gradients = [
      tf.convert_to_tensor(gradient).numpy()
      for gradient in tape.gradient(total, variables)
    ]
    self._state = outputs["state"].numpy()
    self._move(variables, gradients, number, window.inputs.shape[1], arc)

  def _loss(self, targets, logits):
    chosen = tf.gather(tf.nn.softmax(logits), targets, batch_dims=2)
    loss = -tf.reduce_mean(tf.math.log(chosen))
    self.losses.append(float(loss))
    return loss

  def _slowness(self, x):
    return tf.reduce_mean((x[:, 1:] - x[:, :-1]) ** 2) if x.shape[1] > 1 else 0

  def _move(self, variables, gradients, number, length, arc):
    used = [np.ones_like(each.numpy()) for each in variables]
    if arc is not None:
      blocks = self.net.language.blocks(SPACE.encode(arc))
      used[2][:] = 0
      used[2][blocks] = 1
    gradients = [
      gradient + 2 * 1e-3 * mask * variable.numpy()
      for gradient, mask, variable in zip(
        gradients, used, variables, strict=True
      )
    ]
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    self.norms.append(norm)
    rate = 0.5 / (1 + number) * length / STEPS * min(1, 0.1 / norm)
    for variable, gradient in zip(variables, gradients, strict=True):
      variable.assign(variable.numpy() - rate * gradient)


def assert_alike(trainer, net, reference):
  for one, other in zip(net.variables, reference.net.variables, strict=True):
    np.testing.assert_allclose(one, other, 1e-4, 1e-6, err_msg=one.path)
  norms = reference.norms
  assert min(norms) > 0.1  # So all are clipped.
  assert trainer.num_steps == len(norms)


def assert_metrics(found, reference, number):
  loss, norm = reference.losses[-1], reference.norms[-1]
  assert found["child/loss"] == pytest.approx(loss, rel=1e-4)
  assert found["child/perplexity"] == pytest.approx(np.exp(loss), rel=1e-4)
  assert found["child/grad_norm"] == pytest.approx(norm, rel=1e-4)
  assert found["child/learning_rate"] == pytest.approx(0.5 / (1 + number))


def test_steps_of_arcs_by_hand():
  net, reference = build_net(), Reference(build_net())
  trainer = build_trainer(net, lambda start: iter(WINDOWS[start:]))
  arcs = [ARC, OTHER, ARC, ARC, OTHER]
  for number, (each, arc) in enumerate(zip(WINDOWS, arcs, strict=True)):
    reference.step(each, number, arc)
    assert_metrics(trainer.run(rows(arc)), reference, number)
    assert_alike(trainer, net, reference)
  assert trainer.num_traces == 1  # For all lengths.


def test_steps_of_one_cell_by_hand():
  model, reference = build_child(), Reference(build_child())
  trainer = build_trainer(model, lambda start: iter(WINDOWS[start:]))
  for number, each in enumerate(WINDOWS):
    reference.step(each, number)
    assert_metrics(take_steps(trainer, 1), reference, number)
    assert_alike(trainer, model, reference)
  assert trainer.num_traces == 1


def test_small_gradients_are_not_clipped():
  free, bounded = (build_net() for _ in range(2))
  metrics = build_trainer(free, grad_bound=1e9).run(rows(ARC))
  norm = metrics["child/grad_norm"]
  build_trainer(bounded, grad_bound=1.01 * norm).run(rows(ARC))
  for one, other in zip(free.variables, bounded.variables, strict=True):
    np.testing.assert_array_equal(one, other, one.path)


def test_what_no_arc_chose_is_left_alone():
  """Clipping, L2 and the step touch the chosen blocks and no others."""
  net = build_net()
  before = net.bank.numpy()
  build_trainer(net, l2_reg=0.1).run(rows(ARC, OTHER, ARC))
  changed = (net.bank.numpy() != before).any((1, 2))
  chosen = {
    block
    for arc in (ARC, OTHER)
    for block in net.language.blocks(SPACE.encode(arc)).tolist()
  }
  assert set(np.flatnonzero(changed)) == chosen
  assert 0 < len(chosen) < len(before)


def test_state_is_carried_until_the_text_begins_again():
  """Without a learning rate the losses tell the state alone."""
  net = build_net({})
  still = lambda step: tf.constant(0.0)
  trainer = build_trainer(net, rate=still)
  losses = []
  for number in range(7):
    losses.append(trainer.run(rows(ARC))["child/loss"])
    if number < 3:
      given = {
        "tokens": tf.constant(TEXT[:, : STEPS * (number + 1)]),
        "state": tf.zeros([ROWS, UNITS]),
        "arc": tf.constant(rows(ARC)[0]),
      }
      # Of all words so far, in one window.
      carried = trainer.state()["carried"]
      np.testing.assert_allclose(carried, net(given)["state"], 1e-5, 1e-6)
  assert losses[3:6] == losses[:3]
  assert losses[6] == losses[0]
  # From a state of zeros the second window would have another loss.
  second = text_windows.Window(TEXT[:, 4:8], TEXT[:, 5:9], np.array(True))
  alone = build_trainer(net, lambda start: iter([second]), rate=still)
  assert abs(alone.run(rows(ARC))["child/loss"] - losses[1]) > 1e-3


def test_one_trace_serves_all_arcs():
  trainer = build_trainer(build_net())
  rng = np.random.default_rng(0)
  for _ in range(2):
    trainer.run(rows(*(SPACE.random(rng) for _ in range(5))))
  assert trainer.num_traces == 1
  assert trainer.num_steps == 10


def test_reports_the_mean_of_the_steps():
  one, all_ = (build_trainer(build_net()) for _ in range(2))
  arcs = rows(ARC, OTHER, OTHER)
  alone = [one.run(arcs[i : i + 1]) for i in range(3)]
  together = all_.run(arcs)
  assert set(together) == {
    "child/loss",
    "child/grad_norm",
    "child/learning_rate",
    "child/perplexity",
  }
  for name in ("child/loss", "child/grad_norm", "child/learning_rate"):
    mean = np.mean([metrics[name] for metrics in alone])
    assert together[name] == pytest.approx(mean)
  perplexity = np.exp(together["child/loss"])
  assert together["child/perplexity"] == pytest.approx(perplexity)


def test_state_holds_every_variable():
  for net in (build_net(), build_child()):
    state = build_trainer(net).state()
    assert len(state) == len(net.variables) + 2
    for variable in net.variables:
      name = f"supernet/{variable.path}"
      np.testing.assert_array_equal(state[name], variable, name)
    assert all(isinstance(each, np.ndarray) for each in state.values())


def run_steps(trainer, steps):
  """Takes steps, of arcs where the trainer's network takes them."""
  if "supernet/language/bank" in trainer.state():
    return trainer.run(rows(*([ARC, OTHER] * steps)[:steps]))
  return take_steps(trainer, steps)


@pytest.mark.parametrize("build", [build_net, build_child])
def test_goes_on_from_its_state(build):
  """With dropout, and in the middle of the text."""
  first, second = (build_trainer(build()) for _ in range(2))
  run_steps(first, 4)
  second.restore(first.state())
  assert run_steps(second, 4) == run_steps(first, 4)
  for name, variable in second.state().items():
    np.testing.assert_array_equal(variable, first.state()[name], name)


@pytest.mark.parametrize("build", [build_net, build_child])
def test_learns_what_follows_what(build):
  text = np.tile(np.arange(25, dtype=np.int32) % VOCAB, (ROWS, 1))
  trainer = build_trainer(
    build({}),
    functools.partial(text_windows.windows, text, STEPS),
    rate=lambda step: tf.constant(2.0),
    l2_reg=0.0,
    alpha=0.0,
    beta=0.0,
    grad_bound=1.0,
  )
  first = run_steps(trainer, 20)["child/loss"]
  run_steps(trainer, 60)
  assert run_steps(trainer, 20)["child/loss"] < 0.5 * first


def test_averages_the_weights_after_each_step():
  model = build_child()
  weights = [v.value for v in model.trainable_variables]
  average = averaging.AveragedWeights(weights, 1)
  trainer = build_trainer(model, average=average)
  for perplexity in (1.0, 2.0, 3.0):
    average.observe(perplexity)
  passed = [[w.numpy() for w in weights]]
  for _ in range(2):
    take_steps(trainer, 1)
    passed.append([w.numpy() for w in weights])
  expected = np.mean([each[0] for each in passed], 0)
  found = average.state()["mean/0"]
  np.testing.assert_allclose(found, expected, 1e-5, 1e-7)


def test_divergence_names_the_step():
  net = build_net()
  trainer = build_trainer(net)
  trainer.run(rows(ARC, OTHER))
  net.language.embedding.assign(np.nan * net.language.embedding)
  with pytest.raises(errors.DivergenceError, match="at step 3"):
    trainer.run(rows(ARC, OTHER))


def test_divergence_of_gradients_alone_is_noticed():
  """The reported loss leaves out what is added to it."""
  trainer = build_trainer(build_net(), beta=np.nan)
  with pytest.raises(errors.DivergenceError, match="at step 1"):
    trainer.run(rows(ARC))


def test_flush_changes_nothing():
  trainer = build_trainer(build_net())
  trainer.run(rows(ARC))
  before = trainer.state()
  trainer.flush()
  for name, variable in trainer.state().items():
    np.testing.assert_array_equal(variable, before[name], name)
