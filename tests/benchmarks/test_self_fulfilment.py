import json

import numpy as np
import pytest
import scipy.stats

from enas_tf import errors
from enas_tf.benchmarks import self_fulfilment, studies

# As small as can be; the reward is of few images.
FLAGS = (
  "--recipe=smoke_micro",
  "--child_ops=identity,conv_1x1",
  "--child_out_filters=2",
  "--batch_size=256",
  "--controller_train_steps=1",
)


@pytest.mark.slow
def test_a_study_from_the_command_line(tmp_path, capsys):
  """Started again, it searches nothing, and says the same."""
  file = tmp_path / "all.json"
  arguments = [*FLAGS, "--arcs=3", "--seeds=1", f"--json={file}"]
  arguments += [f"--output_dir={tmp_path / 'study'}"]
  self_fulfilment.main(arguments)
  said, found = capsys.readouterr().out, json.loads(file.read_text())
  assert "seed 0, evenly, epoch 1/1" in said
  (each,) = found["seeds"]
  assert each["split"] == "test"
  assert set(each["own_weights"]) == {"own", "uniform"}
  assert set(each["even_weights"]) == {"own", "uniform", "untrained"}
  for kinds in (each["own_weights"], each["even_weights"]):
    assert all(len(scores) == 3 for scores in kinds.values())
    hits = 359 * np.concatenate(list(kinds.values()))  # Of so many images.
    np.testing.assert_allclose(hits, np.round(hits), atol=1e-3)
  assert [each["seeds"] for each in found["pooled"]] == [1, 1, 1]
  table = said[said.index("Mean accuracy of 3 arcs") :]
  assert max(map(len, table.splitlines())) <= 80
  assert "transfer, over untrained" in table
  self_fulfilment.main(arguments)
  again = capsys.readouterr().out
  assert "epoch" not in again and table in again
  assert json.loads(file.read_text()) == found
  with pytest.raises(errors.OutputDirError, match="controller_lr=0.5"):
    self_fulfilment.main([*arguments, "--controller_lr=0.5"])


def scores(rng, own, uniform, seeds=6):
  """Returns what was found of seeds: own arcs are so much better."""
  return [
    {
      "is_higher_better": True,
      "own_weights": {
        "own": rng.normal(own, 0.1, 24),
        "uniform": rng.normal(0, 0.1, 24),
      },
      "even_weights": {
        "own": rng.normal(uniform, 0.1, 24),
        "uniform": rng.normal(0, 0.1, 24),
        "untrained": rng.normal(uniform, 0.1, 24),
      },
    }
    for _ in range(seeds)
  ]


def test_what_fulfils_itself_is_told_from_what_is_true():
  found = scores(np.random.default_rng(0), own=0.2, uniform=0.0)
  own, transfer, _ = self_fulfilment.pool(found)
  assert own["gain"] == pytest.approx(0.2, abs=0.03)
  assert own["p_arcs"] < 0.001 and own["p_signs"] == 1 / 64
  assert transfer["p_arcs"] > 0.05
  found = scores(np.random.default_rng(0), own=0.2, uniform=0.1)
  _, transfer, over_untrained = self_fulfilment.pool(found)
  assert transfer["p_t"] < 0.01 and transfer["seeds_above"] == 6
  assert abs(over_untrained["gain"]) < 0.04 < transfer["gain"]
  gains = [
    np.mean(x["even_weights"]["own"]) - np.mean(x["even_weights"]["uniform"])
    for x in found
  ]
  expected = scipy.stats.ttest_1samp(gains, 0, alternative="greater")
  assert transfer["p_t"] == pytest.approx(expected.pvalue)
  assert transfer["gain_sd"] == pytest.approx(np.std(gains, ddof=1))


def test_a_lower_perplexity_is_a_gain():
  found = scores(np.random.default_rng(0), own=-0.2, uniform=-0.2)
  found = [each | {"is_higher_better": False} for each in found]
  assert self_fulfilment.pool(found)[0]["gain"] > 0.15


def test_one_seed_has_no_spread():
  found = scores(np.random.default_rng(0), 0.2, 0.1, seeds=1)
  own, *_ = self_fulfilment.pool(found)
  assert own["gain_sd"] is None and own["p_t"] is None
  assert own["p_signs"] == 0.5


def test_evenly_trained_weights_are_shared_by_all_controllers():
  settings = {"data": "digits", "batch_size": 8, "num_epochs": 3}
  other = settings | {
    "controller_lr": 0.1,
    "controller": "evolution",
    "child_sampling": "fair",
    "child_warmup_epochs": 2,
    "derive_samples": 4,
  }
  expected = settings | {"controller": "random", "controller_training": False}
  assert self_fulfilment.evenly_trained(settings) == expected
  assert self_fulfilment.evenly_trained(other) == expected


def test_other_evaluators_are_refused(tmp_path):
  with pytest.raises(errors.ConfigError, match="is of shared weights"):
    self_fulfilment.main(
      ["--evaluator=from_scratch", f"--output_dir={tmp_path}"]
    )


def test_seeds_follow_the_one_that_is_given():
  settings = {"seed": 10, "data": "digits"}
  assert studies.seeds(settings, 3) == [10, 11, 12]
  assert settings == {"data": "digits"}
