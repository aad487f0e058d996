import json
import os
import subprocess
import sys

import pytest

from enas_tf import errors
from enas_tf import run_folder as run_folders
from enas_tf.recipes import base, experiments


def experiment(folder, **changed):
  given = {"output_dir": str(folder), **changed}
  fixed_arc = given.pop("fixed_arc", None)
  return experiments.build(base.get("micro").experiment, given, fixed_arc)


def open_run(settings):
  """Opens a run, and records its start as a verb does."""
  folder = run_folders.open_run(settings)
  run_folders.record_start(folder, settings)
  return folder


def contents(folder):
  """Returns the bytes of all files below a folder, by path."""
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in sorted(folder.rglob("*"))
    if path.is_file()
  }


def starts(folder):
  return json.loads((folder / "manifest.json").read_text())["starts"]


@pytest.fixture
def run_folder(tmp_path):
  """The folder of a run that has written some files."""
  folder = open_run(experiment(tmp_path / "run"))
  (folder / "metrics.jsonl").write_text("{}\n")
  (folder / "checkpoints").mkdir()
  (folder / "checkpoints" / "checkpoint-000000001.npz").write_bytes(b"1")
  return folder


def test_makes_a_folder(tmp_path):
  folder = open_run(experiment(tmp_path / "a" / "b"))
  assert folder == tmp_path / "a" / "b"
  assert sorted(contents(folder)) == [".enas_tf.lock", "manifest.json"]
  (start,) = starts(folder)
  assert start["command"] == sys.argv
  assert start["config"]["output_dir"] == str(folder)
  assert set(start["versions"]) == {
    "python",
    "enas_tf",
    "tensorflow",
    "keras",
    "numpy",
  }


def test_path_of_the_home_and_of_the_current_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  monkeypatch.chdir(tmp_path)
  assert open_run(experiment("~/run")) == tmp_path / "run"
  assert open_run(experiment("other")) == tmp_path / "other"


def test_goes_on_in_a_folder_of_ours(run_folder):
  before = contents(run_folder)
  assert open_run(experiment(run_folder, seed=3)) == run_folder
  seeds = [start["config"]["seed"] for start in starts(run_folder)]
  assert seeds == [0, 3]
  after = contents(run_folder)
  assert after.keys() == before.keys()
  changed = {name for name in after if after[name] != before[name]}
  assert changed == {"manifest.json"}


def test_takes_an_empty_folder_and_one_with_a_lock_alone(tmp_path):
  # A kill before the manifest leaves these.
  (tmp_path / ".enas_tf.lock").touch()
  (tmp_path / ".enas_tf-0a1b-manifest.json").touch()
  open_run(experiment(tmp_path))
  assert sorted(contents(tmp_path)) == [".enas_tf.lock", "manifest.json"]


@pytest.mark.parametrize(
  "files",
  [
    {"precious": "mine"},
    {"manifest.json": '{"created_by": "another program"}'},
    {"manifest.json": "[]"},
    {"manifest.json": "{"},
    {"lock": ""},
    {".enas_tf.lock": "mine"},
    {".manifest.json.tmp": "mine"},
  ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_foreign_folder_is_refused(tmp_path, files, reset):
  for name, text in files.items():
    (tmp_path / name).write_text(text)
  before = contents(tmp_path)
  with pytest.raises(errors.OutputDirError, match=f"output_dir={tmp_path}"):
    open_run(experiment(tmp_path, reset_output_dir=reset))
  assert contents(tmp_path) == before


@pytest.mark.parametrize("reset", [False, True])
def test_file_in_the_place_of_the_folder(tmp_path, reset):
  path = tmp_path / "run"
  path.write_text("mine")
  with pytest.raises(errors.OutputDirError, match="give another `output_dir`"):
    open_run(experiment(path, reset_output_dir=reset))
  assert path.read_text() == "mine"


def test_folder_that_cannot_be_made(tmp_path):
  (tmp_path / "file").write_text("mine")
  with pytest.raises(errors.OutputDirError, match="cannot be written"):
    open_run(experiment(tmp_path / "file" / "run"))


def test_reset_begins_a_new_run(run_folder):
  for name in ("best_arc.json", ".enas_tf-00-metrics.jsonl", "error-1.txt"):
    (run_folder / name).write_text("{}")
  opened = open_run(experiment(run_folder, reset_output_dir=True, seed=4))
  assert opened == run_folder
  assert sorted(contents(run_folder)) == [".enas_tf.lock", "manifest.json"]
  assert not (run_folder / "checkpoints").exists()
  (start,) = starts(run_folder)
  assert start["config"]["seed"] == 4


def test_a_reset_that_does_not_start_brings_the_run_back(run_folder):
  before = contents(run_folder)
  for _ in range(2):  # A kill before the start leaves it to the next command.
    run_folders.open_run(experiment(run_folder, reset_output_dir=True))
    assert not (run_folder / "metrics.jsonl").exists()
    assert run_folders.recorded_config(run_folder) is None
  run_folders.open_run(experiment(run_folder))
  assert contents(run_folder) == before
  run_folders.open_run(experiment(run_folder, reset_output_dir=True))
  run_folders.bring_back(run_folder)
  assert contents(run_folder) == before


def test_reset_of_what_does_not_exist_or_is_empty(tmp_path):
  for folder in (tmp_path / "new", tmp_path / "empty"):
    if folder.name == "empty":
      folder.mkdir()
    open_run(experiment(folder, reset_output_dir=True))
    assert len(starts(folder)) == 1


@pytest.mark.parametrize(
  "name",
  [
    "notes.txt",
    "metrics.jsonl.bak",
    ".final",
    "export.tmp",
    "checkpoints/notes.txt",
    "checkpoints/deeper/checkpoint-000000001.npz",
    "final/micro-12345678/thesis.tex",
    "export/saved_model/assets.extra/mine.txt",
    "tensorboard/plugins/profile",
  ],
)
def test_reset_spares_a_run_with_strange_files(run_folder, name):
  path = run_folder / name
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("mine")
  before = contents(run_folder)
  with pytest.raises(errors.OutputDirError, match=f"other files=.*{name}"):
    open_run(experiment(run_folder, reset_output_dir=True))
  assert contents(run_folder) == before
  # Without the reset, the run goes on and the file is no matter.
  open_run(experiment(run_folder))


def test_reset_spares_what_a_link_leads_to(run_folder, tmp_path):
  link = tmp_path / "link"
  link.symlink_to(run_folder)
  before = contents(run_folder)
  with pytest.raises(errors.OutputDirError, match="and no link"):
    open_run(experiment(link, reset_output_dir=True))
  assert contents(run_folder) == before
  assert link.is_symlink()


@pytest.mark.parametrize("name", ["export", "best_arc.json", "checkpoints/a"])
def test_reset_spares_links_within(run_folder, tmp_path, name):
  target = tmp_path / "data"
  target.mkdir()
  (target / "precious").write_text("mine")
  (run_folder / name).symlink_to(target)
  with pytest.raises(errors.OutputDirError, match=f"other files=.*{name}"):
    open_run(experiment(run_folder, reset_output_dir=True))
  assert (run_folder / name).is_symlink()
  assert (target / "precious").read_text() == "mine"


def test_the_lock_follows_no_link(tmp_path):
  precious = tmp_path / "precious"
  precious.write_text("mine")
  (tmp_path / "run").mkdir()
  (tmp_path / "run" / ".enas_tf.lock").symlink_to(precious)
  with pytest.raises(errors.OutputDirError):
    open_run(experiment(tmp_path / "run"))
  assert precious.read_text() == "mine"


def test_what_killed_runs_left_unfinished_is_deleted(run_folder):
  (run_folder / "checkpoints" / ".enas_tf-00ff-checkpoint-1.npz").touch()
  half = run_folder / "export" / ".enas_tf-00ff" / "variables"
  half.mkdir(parents=True)
  (half / "variables.index").touch()
  before = contents(run_folder)
  open_run(experiment(run_folder))
  left = {name for name in before if ".enas_tf-" not in name}
  assert contents(run_folder).keys() == left


def in_another_process(folder, reset=False):
  """Opens a run in a process of its own; returns what it prints."""
  script = f"""
from enas_tf import errors, recipes
from enas_tf import run_folder as run_folders
from enas_tf.recipes import base, experiments
given = dict(output_dir={str(folder)!r}, reset_output_dir={reset})
try:
  run_folders.open_run(
    experiments.build(base.get("micro").experiment, given)
  )
  print("opened")
except errors.OutputDirError as error:
  print(error)
"""
  process = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  return process.stdout.strip()


@pytest.mark.parametrize("reset", [False, True])
def test_a_second_process_is_refused(run_folder, reset):
  before = contents(run_folder)
  message = in_another_process(run_folder, reset)
  assert message.startswith("Another process works in this output folder")
  assert message.endswith(f"held by enas_tf, process {os.getpid()}")
  assert contents(run_folder) == before


def test_a_run_that_is_closed_is_anybodys(tmp_path):
  for _ in range(2):
    folder = open_run(experiment(tmp_path / "run"))
    run_folders.close_run(folder)
    run_folders.close_run(folder)
    assert in_another_process(folder) == "opened"


def test_the_lock_goes_with_its_process(tmp_path):
  assert in_another_process(tmp_path / "run") == "opened"
  open_run(experiment(tmp_path / "run"))
  lock = tmp_path / "run" / ".enas_tf.lock"
  assert lock.read_text() == f"enas_tf, process {os.getpid()}\n"


def test_recorded_config_is_the_last_that_started(tmp_path):
  first = experiment(tmp_path)
  second = experiment(
    tmp_path,
    seed=5,
    save_minutes=0.5,
    child_ops=("identity", "conv_3x3"),
    child_cutout_size=4,
    final_num_layers=3,
    controller_tanh_constant=1.5,
    fixed_arc="0 0 1 1",
  )
  for each in (first, second):
    open_run(each)
    assert run_folders.recorded_config(tmp_path) == each


def test_no_recorded_config(tmp_path):
  assert run_folders.recorded_config(tmp_path / "missing") is None
  (tmp_path / "manifest.json").write_text('{"starts": [{}]}')
  assert run_folders.recorded_config(tmp_path) is None  # Not ours.
  (tmp_path / "manifest.json").write_text('{"created_by": "enas_tf"}')
  assert run_folders.recorded_config(tmp_path) is None  # Never started.


def test_what_only_looks_at_a_run_is_not_gone_on_with(tmp_path):
  first = experiment(tmp_path, mode="all")
  open_run(first)
  open_run(experiment(tmp_path, mode="evaluate", seed=5))
  assert run_folders.recorded_config(tmp_path) == first


def test_a_start_says_what_changed(tmp_path):
  first = experiment(tmp_path)
  folder = run_folders.open_run(first)
  assert run_folders.record_start(folder, first) == []
  second = experiment(tmp_path, child_lr_max=0.01, final_lr_max=0.05)
  assert run_folders.record_start(folder, second) == [
    "child_lr_max: 0.05 -> 0.01"
  ]


def without_a_setting(value):
  del value["controller_lr"]


def with_another_setting(value):
  value["number_of_wheels"] = 4


@pytest.mark.parametrize("change", [without_a_setting, with_another_setting])
def test_recorded_config_of_another_version(run_folder, change):
  path = run_folder / "manifest.json"
  value = json.loads(path.read_text())
  change(value["starts"][-1]["config"])
  path.write_text(json.dumps(value))
  with pytest.raises(errors.OutputDirError, match="another version"):
    run_folders.recorded_config(run_folder)


def test_recorded_config_of_a_damaged_manifest(run_folder):
  path = run_folder / "manifest.json"
  path.write_text('{"created_by": "enas_tf", "starts": [7]}')
  with pytest.raises(errors.OutputDirError, match=f"Received: {path}"):
    run_folders.recorded_config(run_folder)
