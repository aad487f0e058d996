import json

import pytest

from enas_tf.benchmarks import against_random

# As small as can be.
FLAGS = (
  "--recipe=smoke_micro",
  "--child_ops=identity,conv_1x1",
  "--child_out_filters=2",
  "--batch_size=256",
  "--controller_train_steps=1",
  "--baseline_arcs=2",
  "--final_num_epochs=1",
  "--final_num_layers=1",
)


@pytest.mark.slow
def test_a_study_from_the_command_line(tmp_path, capsys):
  """Started again, it searches and trains nothing, and says the same."""
  file = tmp_path / "all.json"
  arguments = [*FLAGS, "--seeds=2", "--seed=3", f"--json={file}"]
  arguments += [f"--output_dir={tmp_path / 'study'}"]
  against_random.main(arguments)
  said, found = capsys.readouterr().out, json.loads(file.read_text())
  assert "seed 3, 1 epochs" in said and "seed 4, 1 epochs" in said
  assert [each["seed"] for each in found["seeds"]] == [3, 4]
  for each in found["seeds"]:
    assert each["split"] == "test" and each["epochs"] == 1
    low, high = sorted(each["random"])
    assert each["median_of_random"] == pytest.approx((low + high) / 2)
    gain = each["derived"] - each["median_of_random"]
    assert each["gain"] == pytest.approx(gain)
    assert each["num_better"] == sum(x > each["derived"] for x in (low, high))
    folder = tmp_path / "study" / "searches" / f"seed_{each['seed']}"
    best = json.loads((folder / "best_arc.json").read_text())
    assert best["arc_string"] == each["arc"]
  one, other = (each["gain"] for each in found["seeds"])
  assert found["pooled"]["gain"] == pytest.approx((one + other) / 2)
  table = said[said.index("The accuracy on the test split") :]
  assert max(map(len, table.splitlines())) <= 80
  against_random.main(arguments)
  again = capsys.readouterr().out
  assert "epochs  " not in again and table in again
  assert json.loads(file.read_text()) == found
