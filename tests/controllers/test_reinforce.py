import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors, trials
from enas_tf.controllers import (
  macro_policy,
  micro_policy,
  random_search,
  reinforce,
  rnn_policy,
)
from enas_tf.spaces import macro, micro, rnn
from tests import answers, golden
from tests.controllers import (
  making,
  test_macro_policy,
  test_micro_policy,
  test_rnn_policy,
)

SPACE = micro.MicroSpace(num_cells=1)
# What the original does, and we outside of `faithful` do not.
ORIGINAL = {
  "adam_epsilon": 1e-3,
  "baseline": "moving_average",
  "standardize": False,
}


def build(seed=0, lr=0.01, entropy_weight=0.0, bl_dec=0.9, **others):
  return reinforce.Reinforce(
    making.make(micro_policy.MicroPolicy, SPACE, lstm_size=8, seed=seed),
    lr=lr,
    entropy_weight=entropy_weight,
    bl_dec=bl_dec,
    seed=seed,
    **others,
  )


@pytest.fixture
def eagerly():
  """Without graphs, which cost seconds and pay in longer runs alone."""
  tf.config.run_functions_eagerly(True)
  yield
  tf.config.run_functions_eagerly(False)


def assert_weights(policy, expected, atol=1e-6):
  for name, value in expected.items():
    found = policy.named_variables[name]
    np.testing.assert_allclose(found, value, 1e-6, atol, err_msg=name)


def assert_updates(controller, rewards, arrays, arc_of):
  """Makes the updates of a golden and compares each with it."""
  after = {}
  for j, reward in enumerate(rewards):
    step = golden.under(arrays, f"step{j}/")
    metrics = controller.update(
      answers.told(arc_of(arrays, step["arc_index"]), [reward])
    )
    assert metrics["controller/loss"] == pytest.approx(step["loss"], rel=1e-5)
    assert metrics["controller/baseline"] == pytest.approx(
      step["baseline_after"], rel=1e-5
    )
    after = golden.under(step, "var_after/controller/")
    assert_weights(controller._policy, after)
  assert after  # The last step's weights are among the golden's.


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
  "name, goldens",
  [
    ("controller_micro", test_micro_policy),
    ("controller_macro", test_macro_policy),
  ],
)
def test_updates_as_the_original(name, goldens):
  arrays, meta = golden.load(name)
  policy = goldens.policy_of(meta, arrays)
  settings = meta["kwargs"]
  controller = reinforce.Reinforce(
    policy,
    lr=settings["lr_init"],
    entropy_weight=settings["entropy_weight"],
    bl_dec=settings["bl_dec"],
    penalty_weight=settings.get("skip_weight", 0.0),
    seed=0,
    **ORIGINAL,
  )
  values = np.array(meta["trainer"]["values"])
  rewards = values / meta["trainer"]["batch_size"]
  assert_updates(controller, rewards, arrays, goldens.arc_of)


@pytest.mark.usefixtures("eagerly")
def test_updates_of_an_rnn_policy_as_the_original():
  arrays, meta = golden.load("controller_enas_lm")
  policy = test_rnn_policy.policy_of(meta, arrays)
  # The settings of enas_lm: TF1's Adam as it comes.
  controller = reinforce.Reinforce(
    policy,
    lr=5e-5,
    entropy_weight=1e-5,
    bl_dec=0.999,
    seed=0,
    adam_beta_1=0.9,
    **ORIGINAL | {"adam_epsilon": 1e-8},
  )
  rewards = 80 / np.exp(meta["trainer"]["values"])
  assert_updates(controller, rewards, arrays, test_rnn_policy.arc_of)


@pytest.mark.usefixtures("eagerly")
def test_a_batch_of_arcs_updates_as_the_original():
  """The original averages the gradients of arcs that come one by one."""
  arrays, _ = golden.load("controller_sync_macro")
  policy = test_macro_policy.faithful_policy(
    macro.MacroSpace(5), arrays, lstm_size=12, tanh_constant=1.5
  )
  controller = reinforce.Reinforce(
    policy,
    lr=0.001,
    entropy_weight=1e-4,
    bl_dec=0.99,
    seed=0,
    penalty_weight=0.8,
    **ORIGINAL,
  )
  # The original lost a gradient at its start, arc 3's, but not its reward.
  for batch in ((0, 1, 2), (4, 5, 6), (7, 8, 9)):
    before = arrays.get(f"step{batch[0] - 1}/baseline_after", 0.0)
    controller.restore(
      {**controller.state(), "baseline": np.array(before, np.float32)}
    )
    steps = [golden.under(arrays, f"step{j}/") for j in batch]
    metrics = controller.update(
      answers.told(
        [step["arc"] for step in steps], [step["acc"] for step in steps]
      )
    )
    assert metrics["controller/loss"] == pytest.approx(
      np.mean([step["loss"] for step in steps]), rel=1e-5
    )
    assert metrics["controller/baseline"] == pytest.approx(
      steps[-1]["baseline_after"], rel=1e-5
    )
    after = golden.under(steps[-1], "var_after/controller/")
    # TF1 divides the sum of each row of emb/w by how many gradients had it
    # (and miscounts if an arc repeats an op), not by the number of arcs.
    policy.emb.assign(after.pop("emb/w"))
    assert set(after) == set(policy.named_variables) - {"emb/w"}
    # Steps are about 1e-3. The golden's are up to 7e-6 from ours, of which the
    # first is that of gradients in float64 to 2e-9.
    assert_weights(policy, after, atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_moving_average_by_hand():
  controller = build(bl_dec=0.75, **ORIGINAL)
  arcs = controller.propose(3)
  before = controller._policy.score(arcs).log_prob.numpy()
  metrics = controller.update(answers.told(arcs, [1.0, 0.0, 2.0]))
  # b <- b - (1 - 0.75)(b - R), one reward after the other.
  baselines = np.array([0.25, 0.1875, 0.640625])
  assert metrics["controller/baseline"] == pytest.approx(baselines[-1])
  # The baseline took in a reward before it is subtracted from it.
  advantages = np.array([1.0, 0.0, 2.0]) - baselines
  assert metrics["controller/loss"] == pytest.approx(
    -np.mean(before * advantages), rel=1e-5
  )
  metrics = controller.update(answers.told(arcs[:1], [0.0]))
  assert metrics["controller/baseline"] == pytest.approx(0.75 * 0.640625)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("standardize", [False, True])
def test_arcs_of_an_update_are_compared_with_each_other(standardize):
  controller = build(standardize=standardize)
  arcs = controller.propose(4)
  before = controller._policy.score(arcs).log_prob.numpy()
  rewards = np.array([0.9, 0.7, 0.75, 0.1])
  metrics = controller.update(answers.told(arcs, rewards))
  others = [np.mean(np.delete(rewards, i)) for i in range(4)]
  advantages = rewards - others
  if standardize:
    advantages /= np.std(rewards)
  assert metrics["controller/loss"] == pytest.approx(
    -np.mean(before * advantages), abs=2e-5
  )


@pytest.mark.usefixtures("eagerly")
def test_the_unit_of_rewards_does_not_matter():
  one, other = build(), build()
  rewards = np.array([0.5, 0.25, 0.75])
  one.update(answers.told(one.propose(3), rewards))
  other.update(answers.told(other.propose(3), 100 * rewards - 30))
  for name, value in other._policy.named_variables.items():
    found = one._policy.named_variables[name]
    np.testing.assert_allclose(found, value, atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_equal_rewards_teach_nothing():
  """However small the deviation of rewards is, it is not divided by it."""
  controller = build()
  before = controller.state()
  # In float32, the mean of these is not exactly they.
  metrics = controller.update(answers.told(controller.propose(7), [0.1] * 7))
  assert metrics["controller/grad_norm"] == 0
  after = controller.state()
  for name in controller._policy.named_variables:
    name = f"policy/{name}"
    np.testing.assert_array_equal(after[name], before[name], name)


@pytest.mark.usefixtures("eagerly")
def test_a_single_arc_is_compared_with_those_before():
  """With their moving average, without the 0 that it begins with."""
  controller = build(bl_dec=0.75)
  arcs = controller.propose(1)
  expected = [0.0, 0.5 - 1.0, 2.0 - (0.75 * 1.0 + 0.5) / 1.75]
  for reward, advantage in zip([1.0, 0.5, 2.0], expected, strict=True):
    log_prob = float(controller._policy.score(arcs).log_prob[0])
    metrics = controller.update(answers.told(arcs, [reward]))
    assert metrics["controller/loss"] == pytest.approx(
      -log_prob * advantage, rel=1e-4, abs=1e-7
    )


def changes(**settings):
  """Returns by how much an update changes the log-probabilities of arcs."""
  controller = build(**settings)
  arcs = controller.propose(3)
  before = controller._policy.score(arcs).log_prob.numpy()
  controller.update(answers.told(arcs, [0.1, 0.5, 0.9]))
  return controller._policy.score(arcs).log_prob.numpy() - before


@pytest.mark.usefixtures("eagerly")
def test_ppo_goes_on_until_arcs_are_clipped():
  one = changes()
  np.testing.assert_array_equal(changes(ppo_steps=1), one)
  # The first step brings all arcs but the middle one, whose advantage is 0,
  # beyond so narrow bounds.
  assert np.abs(one).max() > 0.01
  clipped = changes(ppo_steps=5, ppo_clip=1e-6)
  np.testing.assert_allclose(clipped, one, 1e-3, 1e-6)
  wide = changes(ppo_steps=5, ppo_clip=0.9)
  assert wide[0] < 2 * one[0] < 0 < 2 * one[2] < wide[2]


@pytest.mark.usefixtures("eagerly")
def test_weights_that_are_beyond_use_are_told():
  """All of their gradients are 0: nothing would ever be not finite."""
  controller = build(lr=1e30)
  told = answers.told(controller.propose(3), [1.0, 2.0, 3.0])
  with pytest.raises(errors.DivergenceError, match="too large") as raised:
    controller.update(told)
  assert raised.value.is_of_controller


@pytest.mark.usefixtures("eagerly")
def test_diagnoses_the_policy_that_it_has():
  controller, other = build(lr=0.1), build(lr=0.1)
  begun = controller.diagnostics()
  assert begun["controller/kl_from_start"] == 0
  assert begun["controller/entropy_fraction"] == pytest.approx(1, abs=0.01)
  assert "controller/saturated" not in begun  # Its logits have no bound.
  for each in (controller, other):
    each.update(answers.told(each.propose(4), [1.0, 2.0, 3.0, 4.0]))
  assert controller.diagnostics()["controller/kl_from_start"] > 0.01
  # Nothing else has changed.
  for name, value in other.state().items():
    np.testing.assert_array_equal(controller.state()[name], value, name)
  # It is measured from where the search began, not from where it went on.
  resumed = build(lr=0.1)
  resumed.restore(controller.state())
  assert resumed.diagnostics() == controller.diagnostics()


@pytest.mark.usefixtures("eagerly")
def test_entropy_is_part_of_the_reward():
  controller = build(entropy_weight=0.5, bl_dec=0.0, **ORIGINAL)
  arcs = controller.propose(1)
  metrics = controller.update(answers.told(arcs, [1.0]))
  # Without decay the baseline is the last reward.
  expected = 1 + 0.5 * metrics["controller/entropy_nats"]
  assert metrics["controller/baseline"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_entropy_is_part_of_the_loss_where_rewards_are_standardized():
  controller = build(entropy_weight=0.5)
  policy = controller._policy
  for variable in policy.trainable_variables:
    variable.assign(variable * 10)  # Far from the largest entropy.
  arcs = controller.propose(4)
  before = np.mean(policy.score(arcs).entropy)
  # Equal rewards say nothing else.
  metrics = controller.update(answers.told(arcs, np.ones(4)))
  assert metrics["controller/loss"] == pytest.approx(-0.5 * before, rel=1e-5)
  assert np.mean(policy.score(arcs).entropy) > before


@pytest.mark.usefixtures("eagerly")
def test_metrics_are_numbers():
  controller = build()
  arcs = controller.propose(4)
  log_prob, entropy, _ = controller._policy.score(arcs)
  metrics = controller.update(answers.told(arcs, np.arange(4.0)))
  assert set(metrics) == {
    "controller/loss",
    "controller/log_prob",
    "controller/entropy_nats",
    "controller/baseline",
    "controller/grad_norm",
    "controller/largest_weight",
  }
  assert all(type(value) is float for value in metrics.values())
  assert metrics["controller/log_prob"] == pytest.approx(
    np.mean(log_prob), rel=1e-5
  )
  assert metrics["controller/entropy_nats"] == pytest.approx(
    np.mean(entropy), rel=1e-5
  )


@pytest.mark.parametrize("target", [0.2, 0.8])
def test_the_penalty_moves_the_skips_to_their_target(target):
  policy = making.make(
    macro_policy.MacroPolicy,
    macro.MacroSpace(3, ("conv_3x3", "max_pool_3x3")),
    lstm_size=8,
    skip_target=target,
  )
  controller = reinforce.Reinforce(
    policy, lr=0.02, entropy_weight=0.0, bl_dec=0.9, seed=0, penalty_weight=0.8
  )

  def share():
    """The share of the possible skips that a thousand arcs have."""
    arcs = policy.sample(1000, (0, 0)).numpy()
    return arcs[:, [2, 4, 5]].mean()

  assert share() == pytest.approx(0.5, abs=0.05)
  penalties = []
  for _ in range(80):
    # Equal rewards teach nothing.
    metrics = controller.update(
      answers.told(controller.propose(8), np.zeros(8))
    )
    assert metrics["controller/loss"] == pytest.approx(
      0.8 * metrics["controller/skip_penalty"]
    )
    penalties.append(metrics["controller/skip_penalty"])
  assert share() == pytest.approx(target, abs=0.05)
  assert penalties[-1] < 0.01 < penalties[0]


@pytest.mark.usefixtures("eagerly")
def test_a_network_of_one_layer_has_no_skips():
  policy = making.make(
    macro_policy.MacroPolicy, macro.MacroSpace(1), lstm_size=4
  )
  controller = reinforce.Reinforce(
    policy,
    lr=0.1,
    entropy_weight=0.0,
    bl_dec=0.9,
    seed=0,
    penalty_weight=0.8,
    baseline="moving_average",
  )
  arcs = tf.constant([[2]])
  before = policy.score(arcs).log_prob
  metrics = controller.update(answers.told(arcs, [1.0]))
  assert metrics["controller/skip_penalty"] == 0
  assert policy.score(arcs).log_prob > before


@pytest.mark.usefixtures("eagerly")
def test_an_update_makes_good_arcs_likelier_than_bad_ones():
  controller = build()
  arcs = controller.propose(2)
  before = controller._policy.score(arcs).log_prob.numpy()
  controller.update(answers.told(arcs, [1.0, -1.0]))
  change = controller._policy.score(arcs).log_prob.numpy() - before
  assert change[0] > change[1]


def test_learns_operations_and_inputs():
  """With the defaults of a search, from separable convolutions to others.

  Random search is at 0.26.
  """
  space = micro.MicroSpace(2)
  pool = space.ops.index("max_pool_3x3")
  newest = [1, 1, 2, 2] * 2

  def rewards(arcs):
    """Mostly the share of max pools; also of reads of the newest node."""
    pools = np.mean(arcs[:, 1::2] == pool, 1)
    return 0.75 * pools + 0.25 * np.mean(arcs[:, ::2] == newest, 1)

  learner = reinforce.Reinforce(
    making.make(micro_policy.MicroPolicy, space, lstm_size=32),
    lr=0.0035,
    entropy_weight=0.2,
    bl_dec=0.99,
    seed=0,
  )
  for _ in range(150):
    arcs = learner.propose(5)
    learner.update(answers.told(arcs, rewards(arcs)))
  blind = random_search.RandomSearch(space, seed=0)
  assert np.mean(rewards(blind.propose(300))) == pytest.approx(0.26, abs=0.05)
  assert np.mean(rewards(learner.propose(300))) > 0.65


def test_an_rnn_policy_learns_against_its_prior():
  space = rnn.RnnSpace(3)
  controller = reinforce.Reinforce(
    making.make(rnn_policy.RnnPolicy, space, lstm_size=32),
    lr=0.01,
    entropy_weight=1e-5,
    bl_dec=0.9,
    seed=0,
  )
  shares = []
  for _ in range(80):
    arcs = controller.propose(20)
    # The farthest of nodes, and the last of functions.
    rewards = np.mean(arcs == [0, 3] * 3, 1)
    controller.update(answers.told(arcs, rewards))
    shares.append(np.mean(rewards))
  assert np.mean(shares[:5]) < 0.5
  assert np.mean(shares[-5:]) > 0.8


def test_state_has_the_same_names_in_every_process():
  """Keras numbers the optimizers of a process; the state must not tell."""
  assert list(build().state()) == list(build(seed=1).state())


def test_state_holds_every_variable():
  controller = build()
  state = controller.state()
  weights = controller._policy.variables
  optimizer = controller._optimizer.variables
  # The learning rate is a setting, which may change.
  assert len(state) == 3 + len(weights) + len(optimizer) - 1
  for name, variable in controller._policy.named_variables.items():
    np.testing.assert_array_equal(state[f"policy/{name}"], variable, name)
  assert {"baseline", "baseline_weight", "num_proposals"} <= set(state)
  assert all(isinstance(each, np.ndarray) for each in state.values())


@pytest.mark.usefixtures("eagerly")
def test_learns_of_what_is_done_alone():
  """A failed arc changes nothing, and none that is done changes nothing."""
  one, other = build(), build()
  arcs = one.propose(3)
  other.propose(3)
  failed = [
    trials.failure(each, "it is ill", 0.0)
    for each in answers.proposals(arcs[:2])
  ]
  done = answers.told(arcs, [1.0, 2.0, 3.0])
  assert one.update(failed) == {}
  one.update([failed[0], *done[1:]])
  other.update(done[1:])
  for name, value in other.state().items():
    np.testing.assert_array_equal(one.state()[name], value, name)


def test_recommends_what_comes_next_without_repeats():
  """It is asked in the middle of a search, and changes nothing."""
  controller, other = build(), build()
  samples = other.sample(60)
  _, first = np.unique(samples, axis=0, return_index=True)
  expected = samples[np.sort(first)][:6]
  np.testing.assert_array_equal(controller.recommend(6), expected)
  np.testing.assert_array_equal(controller.sample(60), samples)
