import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import micro_policy, random_search, reinforce
from enas_tf.spaces import micro
from tests import golden
from tests.controllers import test_micro_policy

SPACE = micro.MicroSpace(num_cells=1)


def build(seed=0, lr=0.01, entropy_weight=0.0, bl_dec=0.9):
  return reinforce.Reinforce(
      micro_policy.MicroPolicy(SPACE, lstm_size=8, seed=seed),
      lr=lr, entropy_weight=entropy_weight, bl_dec=bl_dec, seed=seed,
  )  # fmt: skip


@pytest.fixture
def eagerly():
  """Without graphs, which cost seconds and pay in longer runs alone."""
  tf.config.run_functions_eagerly(True)
  yield
  tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eagerly")
def test_updates_as_the_original():
  arrays, meta = golden.load("controller_micro")
  policy = test_micro_policy.policy_of(meta, arrays)
  settings = meta["kwargs"]
  controller = reinforce.Reinforce(
    policy,
    lr=settings["lr_init"],
    entropy_weight=settings["entropy_weight"],
    bl_dec=settings["bl_dec"],
    seed=0,
  )
  after = {}
  for j, value in enumerate(meta["trainer"]["values"]):
    step = golden.under(arrays, f"step{j}/")
    arc = test_micro_policy.arc_of(arrays, step["arc_index"])
    reward = value / meta["trainer"]["batch_size"]
    metrics = controller.update(arc, [reward])
    assert metrics["controller/loss"] == pytest.approx(step["loss"], rel=1e-5)
    assert metrics["controller/baseline"] == pytest.approx(
      step["baseline_after"], rel=1e-5
    )
    after = golden.under(step, "var_after/controller/")
    for name, expected in after.items():
      found = policy.named_variables[name]
      np.testing.assert_allclose(found, expected, 1e-4, 1e-6, err_msg=name)
  assert after  # The last step's weights are among the golden's.


@pytest.mark.usefixtures("eagerly")
def test_baseline_by_hand():
  controller = build(bl_dec=0.75)
  arcs = controller.propose(3)
  before = controller._policy.score(arcs)[0].numpy()
  metrics = controller.update(arcs, [1.0, 0.0, 2.0])
  # b <- b - (1 - 0.75)(b - R), one reward after the other.
  baselines = np.array([0.25, 0.1875, 0.640625])
  assert metrics["controller/baseline"] == pytest.approx(baselines[-1])
  # The baseline took in a reward before it is subtracted from it.
  advantages = np.array([1.0, 0.0, 2.0]) - baselines
  assert metrics["controller/loss"] == pytest.approx(
    -np.mean(before * advantages), rel=1e-5
  )
  metrics = controller.update(arcs[:1], [0.0])
  assert metrics["controller/baseline"] == pytest.approx(0.75 * 0.640625)


@pytest.mark.usefixtures("eagerly")
def test_entropy_is_part_of_the_reward():
  controller = build(entropy_weight=0.5, bl_dec=0.0)
  arcs = controller.propose(1)
  metrics = controller.update(arcs, [1.0])
  # Without decay the baseline is the last reward.
  expected = 1 + 0.5 * metrics["controller/entropy_nats"]
  assert metrics["controller/baseline"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_metrics_are_numbers():
  controller = build()
  arcs = controller.propose(4)
  log_prob, entropy = controller._policy.score(arcs)
  metrics = controller.update(arcs, np.arange(4.0))
  assert set(metrics) == {
    "controller/loss",
    "controller/log_prob",
    "controller/entropy_nats",
    "controller/baseline",
    "controller/grad_norm",
  }
  assert all(type(value) is float for value in metrics.values())
  assert metrics["controller/log_prob"] == pytest.approx(
    np.mean(log_prob), rel=1e-5
  )
  assert metrics["controller/entropy_nats"] == pytest.approx(
    np.mean(entropy), rel=1e-5
  )


@pytest.mark.usefixtures("eagerly")
def test_an_update_makes_good_arcs_likelier():
  controller = build()
  arcs = controller.propose(2)
  before = controller._policy.score(arcs)[0].numpy()
  controller.update(arcs, [1.0, -1.0])
  change = controller._policy.score(arcs)[0].numpy() - before
  assert change[0] > 0 > change[1]


def test_beats_random_search():
  # Without separable convolutions, whose initial bias saturates the tanh.
  space = micro.MicroSpace(1, ("conv_3x3", "identity", "avg_pool_3x3"))
  last = [d.num_options - 1 for d in space.decisions]

  def rewards(arcs):
    """The share of the decisions that are the last option."""
    return tf.reduce_mean(tf.cast(arcs == last, tf.float32), 1)

  policy = micro_policy.MicroPolicy(space, lstm_size=32, tanh_constant=2.5)
  learner = reinforce.Reinforce(
    policy, lr=0.05, entropy_weight=1e-4, bl_dec=0.9, seed=0
  )
  for _ in range(120):
    arcs = learner.propose(20)
    learner.update(arcs, rewards(arcs))
  blind = random_search.RandomSearch(space, seed=0)
  guessed = np.mean(rewards(blind.propose(300)))
  assert guessed == pytest.approx((1 / 2 + 1 / 3) / 2, abs=0.05)
  assert np.mean(rewards(learner.propose(300))) > guessed + 0.2


def test_state_has_the_same_names_in_every_process():
  """Keras numbers the optimizers of a process; the state must not tell."""
  assert list(build().state()) == list(build(seed=1).state())


def test_state_holds_every_variable():
  controller = build()
  state = controller.state()
  held = {id(each) for each in state.values()}
  assert len(held) == len(state)
  assert all(isinstance(each, tf.Variable) for each in state.values())
  assert {id(v) for v in controller._policy.variables} <= held
  assert {id(v.value) for v in controller._optimizer.variables} <= held
  assert {"baseline", "num_proposals"} <= set(state)
