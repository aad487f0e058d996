import json

import pytest

from enas_tf import errors
from enas_tf.benchmarks import worker_speed
from tests.benchmarks import test_against_random


@pytest.mark.slow
def test_workers_are_timed_from_the_command_line(tmp_path, capsys):
  file = tmp_path / "all.json"
  worker_speed.main(
    [
      *test_against_random.FLAGS[:-3],
      "--children=2",
      "--final_num_epochs=1",
      f"--json={file}",
      f"--output_dir={tmp_path / 'study'}",
    ]
  )
  said, found = capsys.readouterr().out, json.loads(file.read_text())
  assert found["one"]["num_workers"] == 1
  assert found["several"]["num_workers"] == 2
  for each in (found["one"], found["several"]):
    assert len(each["child_seconds"]) == 2
    assert min(each["child_seconds"]) > 0
    busy = sum(each["child_seconds"]) / each["num_workers"]
    assert each["wall_seconds"] > 0.9 * busy
  assert f"{found['speedup']:.2f} times as many children" in said
  assert max(map(len, said.splitlines()[-8:])) <= 120


def test_what_a_pool_costs_by_hand():
  one = worker_speed.Timed(1, 5.0, 44.0, [10.0, 10.0, 10.0, 10.0])
  two = worker_speed.Timed(2, 6.0, 25.0, [12.0, 12.0, 12.0, 12.0])
  assert (one.seconds, one.between) == (10, 1)
  assert one.children_per_hour == pytest.approx(4 / (44 / 3600))
  assert two.between == pytest.approx(0.5)
  found = worker_speed.summary(one, two, 25)
  assert found["overhead"] == pytest.approx((1 + 5 / 25) / 10)
  assert found["speedup"] == pytest.approx(44 / 25)


@pytest.mark.parametrize(
  "flag", ["--children=3", "--children=0", "--num_workers=1"]
)
def test_one_is_compared_with_several(tmp_path, flag):
  with pytest.raises(errors.ConfigError, match="a multiple of it"):
    worker_speed.main([flag, f"--output_dir={tmp_path / 'study'}"])


def test_seeds_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match="seeds"):
    worker_speed.main(["--seeds=2", f"--output_dir={tmp_path / 'study'}"])
