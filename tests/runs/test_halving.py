import doctest

import pytest

from enas_tf.runs import assembly, halving, trainings
from tests.runs import context


def test_examples():
  found = doctest.testmod(halving)
  assert found.attempted and not found.failed


@pytest.mark.parametrize(
  ("num_arcs", "epochs", "expected"),
  [
    (1, 8, [(1, 8)]),
    (2, 8, [(2, 8)]),
    (3, 8, [(3, 2), (2, 8)]),
    (16, 100, [(16, 25), (8, 50), (4, 100)]),
    (10, 1, [(10, 1)]),
    (10, 2, [(10, 1), (3, 2)]),
  ],
)
def test_stages(num_arcs, epochs, expected):
  found = halving.stages(num_arcs, epochs)
  assert [tuple(stage) for stage in found] == expected


@pytest.fixture(scope="module")
def built():
  return assembly.Assembly(
    context.experiment(
      data="digits",
      child_num_cells=1,
      child_ops=("identity", "conv_1x1"),
      derive_train_epochs=8,
    )
  )


def test_the_better_ones_are_trained_for_longer(built, tmp_path, monkeypatch):
  asked = []
  texts = [f"{i:08b}" for i in range(16)]
  arcs = [built.space.parse(" ".join(text)) for text in texts[:10]]

  def scored(built, run, wanted, data, path):
    assert data == "valid"
    assert path == tmp_path / halving.TRAINED
    asked.append([(sum(e.arc), e.repeat, e.epochs) for e in wanted])
    # After two epochs, ones are good; after more, zeros are. One fails.
    return {
      each: None
      if each.arc[-4:] == (0, 1, 1, 1)
      else (0.1 if each.epochs == 2 else -0.1) * sum(each.arc)
      + each.repeat / 100
      for each in wanted
    }

  monkeypatch.setattr(trainings, "scored", scored)
  command, screen = context.make(tmp_path, built.experiment)
  rows = [{"arc": arc, "valid_accuracy": 0.5} for arc in arcs]
  found = halving.rank(built, command, rows)
  assert len(found) == len({str(row["arc"]) for row in found}) == 10
  assert [len(each) for each in asked] == [10, 5, 3 * 2]
  assert {epochs for _, _, epochs in asked[2]} == {8}
  stages = [row["stage"] for row in found]
  assert (
    stages
    == (["trained 8 epochs"] * 3 + ["trained 4 epochs"] * 2)
    + ["trained 2 epochs"] * 5
  )
  best = found[0]
  assert str(best["arc"]) == "0 0 0 0 0 0 0 1"
  assert best["trained_accuracy"] == pytest.approx(-0.1 + 0.005)
  assert best["trained_accuracy_sd"] == pytest.approx(0.01 / 2**0.5)
  assert best["trained_seeds"] == 2 and best["valid_accuracy"] == 0.5
  assert str(found[-1]["arc"]) == "0 0 0 0 0 1 1 1"  # It failed.
  assert found[-1]["trained_accuracy"] is None
  assert "with each of 2 seeds" in screen.getvalue()
