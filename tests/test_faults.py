"""Full disks, kills, signals and NaN, through the command."""

import json
import re
import signal
import subprocess

import pytest

from tests import forked, test_resume

FLAGS = {
  "rnn": ("--log_every=30",),
  "macro": (
    "--batch_size=256",
    "--log_every=3",
    "--child_num_layers=2",
    "--child_ops=conv_3x3,avg_pool_3x3",
  ),
  "micro": ("--batch_size=256", "--log_every=3"),
}
SELDOM = "--save_minutes=60"
ARCS = {"rnn": "0 0 0 1", "macro": "0  1 0"}


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
  runner = forked.Runner(tmp_path_factory.mktemp("pipes"))
  yield runner
  runner.close()


def flags(space, folder, *more):
  return (
    f"--flagfile={forked.ROOT}/flags/smoke_{space}.flags",
    "--deterministic",
    "--save_minutes=0",
    "--final_num_epochs=2",
    "--derive_samples=2",
    "--controller_train_steps=1",
    *FLAGS[space],
    f"--output_dir={folder}",
    *more,
  )


def finish(runner, *flags) -> str:
  done = runner.run(*flags)
  assert (done.code, done.stderr) == (0, "")
  return done.stdout


def refuse(runner, *flags, **fault) -> str:
  """Returns the one line that a command ends with."""
  done = runner.run(*flags, **fault)
  assert done.code == 1, (fault, done)
  assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
  return done.stderr


def unfinished(folder) -> list:
  return [*folder.rglob(".enas_tf-*"), *folder.rglob("*.tmp")]


@pytest.fixture(scope="module")
def whole(runner, tmp_path_factory):
  """Returns the folder of a run that nothing disturbed, by its space."""
  folders = {}

  def get(space):
    if space not in folders:
      folders[space] = tmp_path_factory.mktemp(space) / "run"
      finish(runner, *flags(space, folders[space]))
    return folders[space]

  return get


# Where a fault comes, and which file is written then; in the order of a run.
SEARCH = (
  (r"lock$", "output_dir"),
  (r"enas_tf-\w*-manifest", "manifest"),
  (r"metrics\.jsonl$", "tensorboard"),
  (r"trials\.jsonl$", r"trials\.jsonl"),
  (r"run/checkpoints/\.enas", "checkpoints"),
  (r"run/checkpoints/checkpoint-\d*\.npz$", r"metrics\.jsonl"),
  (r"leaderboard", "leaderboard"),
  (r"-best_arc\.json", "best_arc"),
  (r"best_arc\.png", "best_arc"),
)
FINAL = {
  "rnn": (
    (r"final/[^/]*/training\.json$", "final/.*/tensorboard"),
    (r"final/[^/]*/\.enas_tf.*metrics\.csv", r"metrics\.csv"),
    (r"final/[^/]*/metrics\.csv$", "final/.*/tensorboard"),
  ),
  "macro": (
    (r"final/[^/]*/metrics\.csv$", "final/.*/tensorboard"),
    (r"final/.*checkpoint-000000005\.npz", "final/"),  # Of Keras: the CSV.
  ),
}
RESULT = (
  (r"final/.*/checkpoints/\.enas", "final/.*/checkpoints"),
  (r"\.enas.*child\.keras", r"child\.keras"),
  (r"/child\.keras$", r"child\.json"),
  (r"final/.*\.enas.*evaluation", "evaluation"),
  (r"/evaluation\.json$", "export"),
  (r"export/\.enas.*child\.keras", "export"),
)


@pytest.mark.slow  # `test_small_disk` is one of them.
@pytest.mark.parametrize("space", ["rnn", "macro"])
def test_full_disk(runner, whole, tmp_path, space):
  """Each writer is the one that fails, and the same command goes on."""
  folder = tmp_path / "run"
  places = (*(SEARCH if space == "rnn" else ()), *FINAL[space], *RESULT)
  for at, where in places:
    error = refuse(runner, *flags(space, folder), at=at)
    assert re.search(f"Received: .*{where}", error), (at, error)
    assert re.search("room", error), error
    assert "no trained" not in error and unfinished(folder) == []
  finish(runner, *flags(space, folder))
  test_resume.assert_same(folder, whole(space))


@pytest.mark.parametrize(
  "kilobytes", [pytest.param(300, marks=pytest.mark.slow), 1500]
)
def test_small_disk(runner, whole, tmp_path, kilobytes):
  """A real one: it holds less than a search's checkpoints."""
  folder = tmp_path / "run"
  folder.mkdir()
  mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "x", folder]
  if subprocess.run(mount, capture_output=True, check=False).returncode:
    pytest.skip("needs the right to mount")
  try:
    error = refuse(runner, *flags("rnn", folder))
    assert "No space left on device" in error
    assert ("goes on from step" in error) == (kilobytes > 1000)
    remount = ["mount", "-o", "remount,size=50m", folder]
    subprocess.run(remount, check=True)
    finish(runner, *flags("rnn", folder))
    test_resume.assert_same(folder, whole("rnn"))
  finally:
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow  # tests/test_resume.py kills at a few places.
@pytest.mark.parametrize("space", ["rnn", "macro"])
def test_killed_anywhere(runner, whole, tmp_path, space):
  """In each part of a run, while a file of it is written."""
  folder = tmp_path / "run"
  places = (*SEARCH[3:], *FINAL[space], *RESULT)
  for at, _ in places if space == "rnn" else places[2::3]:
    done = runner.run(*flags(space, folder), at=at, fault=signal.SIGKILL)
    assert (done.code, done.stderr) == (-signal.SIGKILL, ""), at
  finish(runner, *flags(space, folder))
  assert unfinished(folder) == []
  test_resume.assert_same(folder, whole(space))


@pytest.mark.parametrize(
  "space", [pytest.param("rnn", marks=pytest.mark.slow), "macro"]
)
@pytest.mark.slow
def test_asked_to_stop_within_an_epoch(runner, whole, tmp_path, space):
  """Of the final training."""
  folder = tmp_path / "run"
  done = runner.run(
    *flags(space, folder),
    at=r"final/.*checkpoint-000000003\.npz",
    fault=signal.SIGTERM,
  )
  assert done.code == 128 + signal.SIGTERM
  assert "Stopped at step 3 of" in done.stdout
  assert "Resuming the training at epoch 1, step 3" in finish(
    runner, *flags(space, folder)
  )
  test_resume.assert_same(folder, whole(space))


RATE = {"rnn": "lr", "macro": "lr_max", "micro": "lr_max"}


@pytest.mark.parametrize(
  "space", ["rnn", "macro", pytest.param("micro", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("child_{rate}", 1e30),
    ("child_l2_reg", 1e36),
    ("controller_entropy_weight", 1e38),
  ],
)
def test_divergence_names_the_setting(runner, tmp_path, space, name, value):
  flag = "--" + name.format(rate=RATE[space])
  search = flags(space, tmp_path / "run", "--mode=search", f"{flag}={value}")
  error = refuse(runner, *search)
  what = "controller" if "controller" in flag else "child"
  assert re.match(rf"error: The {what}\S* \w+ is not finite", error)
  assert f"Lower {flag} ({value})," in error
  others = {"--child_l2_reg", "--controller_lr", f"--child_{RATE[space]} "}
  assert not any(each in error for each in others - {flag, f"{flag} "})


def test_a_controller_that_can_learn_no_more_is_told(runner, tmp_path):
  """All numbers are finite, and all gradients are 0."""
  search = flags("rnn", tmp_path / "run", "--mode=search")
  error = refuse(runner, *search, "--controller_lr=1e30")
  assert "error: The controller's weights are too large" in error
  assert "Lower --controller_lr (1e+30), and go on" in error


@pytest.mark.parametrize("space", ["rnn", "macro"])
@pytest.mark.slow
def test_way_back_of_a_final_training(runner, tmp_path, space):
  """The advice, taken literally, leads on, and is recorded."""
  folder, rate = tmp_path / "run", f"--child_{RATE[space]}"
  arc = f"--child_fixed_arc={ARCS[space]}"
  train = flags(space, folder, "--mode=train", arc)
  finish(runner, *train, "--final_num_epochs=1")
  error = refuse(runner, *train, f"{rate}=1e38")
  assert f"Lower {rate} (1e+38), and go on" in error
  assert "The same command goes on from step" in error
  (earlier,) = re.findall("--mode=train --resume_from .* of ([0-9, ]+)", error)
  (*_, last) = earlier.split(", ")
  said = finish(
    runner, *train, f"{rate}=0.01", f"--resume_from={last}", "--mode=train"
  )
  assert f"final_{RATE[space]}: 1e+38 -> 0.01" in said
  starts = json.loads((folder / "manifest.json").read_text())["starts"]
  assert [start["config"][f"final_{RATE[space]}"] for start in starts][1:] == [
    1e38,
    0.01,
  ]


@pytest.mark.slow
def test_way_back_of_a_search(runner, tmp_path):
  search = flags("rnn", tmp_path / "run", "--mode=search", SELDOM)
  finish(runner, *search)
  error = refuse(runner, *search, "--num_epochs=2", "--child_lr=1e30")
  (step,) = re.findall(r"goes on from step (\d+)", error)
  for more in ((), (f"--resume_from={step}",)):
    said = finish(runner, *search, "--num_epochs=2", "--child_lr=0.1", *more)
    assert ("Resuming the search at epoch 2" in said) == (
      not more or "search lr" not in said
    )


@pytest.mark.slow
def test_clipping_as_advised(runner, tmp_path):
  train = flags(
    "macro",
    tmp_path / "run",
    "--mode=train",
    "--child_lr_max=1000",
    SELDOM,
    f"--child_fixed_arc={ARCS['macro']}",
  )
  error = refuse(runner, *train)
  assert "or clip: --child_clip_mode=global" in error
  finish(runner, *train, "--child_clip_mode=global")


@pytest.mark.parametrize(
  "space", ["rnn", pytest.param("macro", marks=pytest.mark.slow)]
)
def test_finished_run_is_made_longer(runner, tmp_path, space):
  folder = tmp_path / "run"
  finish(runner, *flags(space, folder, "--final_num_epochs=1", SELDOM))
  before = (folder / "metrics.jsonl").read_text()
  arc = (folder / "best_arc.json").read_text()
  said = finish(
    runner,
    f"--output_dir={folder}",
    "--mode=all",
    "--num_epochs=2",
    "--final_num_epochs=2",
    SELDOM,
  )
  assert "Resuming the search at epoch 2, step 0" in said
  assert (folder / "metrics.jsonl").read_text().startswith(before)
  assert (folder / "best_arc.json").read_text() != arc
  best = json.loads((folder / "best_arc.json").read_text())
  assert f"saved_model: the child of {best['arc_string']}." in said
  notes = (path.read_text() for path in folder.glob("final/*/training.json"))
  assert {"epochs": 2, "num_epochs": 2} in map(json.loads, notes)


@pytest.mark.parametrize(("space", "step"), [("rnn", 61), ("macro", 8)])
@pytest.mark.slow
def test_half_a_training(runner, tmp_path, space, step):
  """It is refused with the ways out, and these work."""
  folder = tmp_path / "run"
  train = flags(space, folder, "--mode=train", "--final_num_epochs=4")
  done = runner.run(
    *train,
    f"--child_fixed_arc={ARCS[space]}",
    at=rf"checkpoint-0*{step}\.npz",
    fault=signal.SIGTERM,
  )
  assert done.code == 128 + signal.SIGTERM
  for mode in ("evaluate", "export"):
    error = refuse(runner, f"--output_dir={folder}", f"--mode={mode}")
    assert "1 of 4 epochs are done. Go on with it, by --mode=train" in error
    (way,) = re.findall("end it where it is, by (.*?)\\. Received", error)
  assert way == "--mode=train --final_num_epochs=1"
  ended = runner.run(f"--output_dir={folder}", *way.split())
  assert (ended.code, ended.stderr) == (0, "")
  for mode in ("evaluate", "export"):
    finish(runner, f"--output_dir={folder}", f"--mode={mode}")
