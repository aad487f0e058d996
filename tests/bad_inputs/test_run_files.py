"""Every file of a finished run, damaged in every way."""

import json
import shutil

import numpy as np
import pytest

from tests.bad_inputs import commands as commands_lib


def truncated(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
  path.write_bytes(b"")


def noise(path):
  path.write_bytes(np.random.default_rng(0).bytes(5_000))


def folder(path):
  path.unlink()
  path.mkdir()


def missing(path):
  path.unlink()


def deep(path):
  path.write_text("[" * 100_000)


def deep_but_whole(path):
  path.write_text('{"a":' * 50_000 + "1" + "}" * 50_000)


def many_digits(path):
  path.write_text('{"starts": ' + "9" * 5_000 + "}")


def other_type(path):
  path.write_text("[1, 2]" if path.read_text().startswith("{") else "{}")


def null(path):
  path.write_text("null")


def no_keys(path):
  path.write_text("{}")


def link_to_itself(path):
  path.unlink()
  path.symlink_to(path)


ANY = (truncated, empty, noise, folder, link_to_itself)
JSON = (*ANY, deep, many_digits, other_type, null)


def rows(pattern, damages, mode, words, spaces=("micro",)):
  for space in spaces:
    for number, damage in enumerate(damages):
      yield pytest.param(
        space,
        pattern,
        damage,
        mode,
        words,
        id=f"{space}:{pattern}:{damage.__name__}:{mode}",
        # The macro space's files are those of micro; files are read by the
        # same lines, so that every other damage will do.
        marks=[pytest.mark.slow] * (space == "macro" or number % 2),
      )


@pytest.mark.parametrize(
  ("space", "pattern", "damage", "mode", "words"),
  [
    *rows(
      "manifest.json",
      (*JSON, no_keys),
      "evaluate",
      "not of a run.*--output_dir",
    ),
    *rows(
      "best_arc.json",
      (*JSON, no_keys),
      "evaluate",
      "best_arc.json|There is no arc",
    ),
    *rows(
      "best_arc.json",
      (truncated, deep, null),
      "train",
      "best_arc.json",
      ("macro", "rnn"),
    ),
    *rows("best_arc.json", (missing,), "evaluate", "--mode=search"),
    *rows("best_arc.json", (missing,), "train", "--child_fixed_arc"),
    *rows("best_arc.json", (missing,), "export", "--mode=search"),
    *rows("final/*/child.json", JSON, "evaluate", "child.json"),
    *rows(
      "final/*/child.json",
      (no_keys,),
      "evaluate",
      "child.json",
      ("micro", "rnn"),
    ),
    *rows(
      "final/*/child.json", (no_keys,), "export", "child.json", ("micro", "rnn")
    ),
    *rows(
      "final/*/child.json",
      (missing,),
      "evaluate",
      "description of the trained child.*child.json",
      ("micro", "rnn"),
    ),
    *rows(
      "final/*/child.keras",
      (*ANY, missing),
      "evaluate",
      "child.keras.*|--mode=train",
      ("micro", "rnn"),
    ),
    *rows("final/*/child.keras", (truncated,), "export", "--mode=train"),
    *rows(
      "final/*/training.json",
      (*JSON, no_keys),
      "evaluate",
      "training.json|There is no trained child",
    ),
    *rows("final/*/training.json", (missing,), "evaluate", "--mode=train"),
    *rows(
      "checkpoints/*.npz",
      (*ANY, deep),
      "derive",
      "No checkpoint .* can be read.*--reset_output_dir",
    ),
    *rows(
      "checkpoints/*.npz",
      (*ANY, deep),
      "search --num_epochs=2",
      "No checkpoint .* can be read.*--reset_output_dir",
    ),
    *rows(
      "checkpoints/*.npz",
      (truncated,),
      "derive",
      "No checkpoint",
      ("macro", "rnn"),
    ),
    *rows("checkpoints/*.npz", (missing,), "derive", "--mode=search"),
    *rows(
      "final/*/checkpoints/*.npz",
      ANY,
      "train --final_num_epochs=2",
      "No checkpoint .* can be read",
    ),
    *rows(
      "final/*/checkpoints/*.npz",
      (truncated, noise),
      "train --final_num_epochs=2",
      "No checkpoint .* can be read",
      ("rnn",),
    ),
    *rows(
      "metrics.jsonl",
      (folder, link_to_itself),
      "search --num_epochs=2",
      "metrics.jsonl",
    ),
    *rows("metrics.jsonl", (noise,), "search --num_epochs=2", "metrics.jsonl"),
    *rows(
      "final/*/metrics.csv",
      (folder, link_to_itself),
      "train --final_num_epochs=2",
      "metrics.csv",
    ),
    *rows(
      "final/*/metrics.csv",
      (folder, noise, link_to_itself),
      "train --final_num_epochs=2",
      "metrics.csv",
      ("rnn",),
    ),
    *rows(
      ".enas_tf.lock",
      (noise, folder, link_to_itself),
      "evaluate",
      r"not the lock of a run|\.enas_tf\.lock",
    ),
  ],
)
def test_damage(
  commands, finished, tmp_path, space, pattern, damage, mode, words
):
  run = finished(space)
  for path in run.glob(pattern):
    damage(path)
  mode, *flags = mode.split()
  command = ["--output_dir=run", f"--mode={mode}", *flags]
  commands_lib.refuse(commands, tmp_path, command, words)


WRONG = [
  ("micro", "mean", [1, 2, 3], "evaluate export"),
  ("micro", "mean", "x", "export"),
  ("micro", "mean", None, "export"),
  ("micro", "mean", [float("nan")], "export"),
  ("micro", "std", [0.0], "export"),
  ("micro", "std", [], "export"),
  ("micro", "std", {}, "export"),
  ("micro", "std", [[1]], "export"),
  ("micro", "class_names", None, "evaluate export"),
  ("micro", "class_names", [1, "a"], "evaluate export"),
  ("micro", "class_names", ["a"], "evaluate export"),
  ("micro", "class_names", 5, "evaluate export"),
  ("micro", "image_shape", None, "evaluate export"),
  ("micro", "image_shape", [9, 9, 9], "evaluate export"),
  ("micro", "image_shape", ["x", 8, 1], "evaluate export"),
  ("micro", "arc_string", None, "export"),
  ("rnn", "vocabulary", None, "evaluate export"),
  ("rnn", "vocabulary", ["a", "b"], "evaluate export"),
  ("rnn", "vocabulary", [1, 2, 3], "evaluate export"),
  ("rnn", "vocabulary", "words", "evaluate export"),
  ("rnn", "token", "[", "export"),
  ("rnn", "token", 7, "export"),
  ("rnn", "token", None, "export"),
]


@pytest.mark.parametrize(
  ("space", "key", "value", "mode"),
  [(*row[:3], mode) for row in WRONG for mode in row[3].split()],
)
def test_a_description_of_wrong_types(
  commands, finished, tmp_path, space, key, value, mode
):
  run = finished(space)
  (path,) = run.glob("final/*/child.json")
  path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
  command = ["--output_dir=run", f"--mode={mode}"]
  words = r"child\.json|--data_path"
  commands_lib.refuse(commands, tmp_path, command, words)


def change_npz(path, change):
  with np.load(path) as file:
    arrays = dict(file)
  change(arrays)
  np.savez(open(path, "wb"), **arrays)  # noqa: SIM115


def meta_of(value):
  def change(arrays):
    content = value if isinstance(value, str) else json.dumps(value)
    arrays["__meta__"] = np.frombuffer(content.encode(), np.uint8)

  return change


def without_meta(arrays):
  del arrays["__meta__"]


def without_an_array(arrays):
  del arrays[next(iter(arrays))]


def of_another_dtype(arrays):
  name = max(arrays, key=lambda each: arrays[each].size)
  arrays[name] = arrays[name].astype(np.float64)


def of_another_shape(arrays):
  name = max(arrays, key=lambda each: arrays[each].size)
  arrays[name] = arrays[name][:-1]


def of_objects(arrays):
  name = max(arrays, key=lambda each: arrays[each].size)
  arrays[name] = np.array([{"a": 1}], object)


def one_more(arrays):
  arrays["more"] = np.zeros(3)


def nan_everywhere(arrays):
  for name, array in arrays.items():
    if array.dtype.kind == "f" and array.size > 1:
      arrays[name] = np.full_like(array, np.nan)


CHANGES = {
  "no meta": (without_meta, "can be read"),
  "meta of noise": (meta_of("\x01\x02"), "can be read"),
  "meta that is null": (meta_of("null"), "can be read"),
  "meta without keys": (meta_of("{}"), "can be read"),
  "meta that is deep": (meta_of("[" * 100_000), "can be read"),
  "meta of many digits": (meta_of('{"step":' + "9" * 5000), "can be read"),
  "meta of a wrong step": (
    meta_of({"step": "x", "fingerprint": {}}),
    "can be read",
  ),
  "meta of an endless step": (
    meta_of('{"step": Infinity, "fingerprint": {}}'),
    "can be read",
  ),
  "meta of a wrong fingerprint": (
    meta_of({"step": 1, "fingerprint": 5}),
    "can be read",
  ),
  "meta of no fingerprint": (
    meta_of({"step": 1, "fingerprint": {}}),
    "other settings",
  ),
  "no array": (without_an_array, "other settings"),
  "dtype": (of_another_dtype, "other settings"),
  "shape": (of_another_shape, "other settings"),
  "objects": (of_objects, "can be read"),
  "one more": (one_more, "other settings"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mode", ["derive", "train"])
def test_checkpoints_that_say_something_else(
  commands, finished, tmp_path, change, mode
):
  run = finished("micro")
  function, words = CHANGES[change]
  where = "final/*/checkpoints" if mode == "train" else "checkpoints"
  for path in run.glob(f"{where}/*.npz"):
    change_npz(path, function)
  flags = ["--final_num_epochs=2"] if mode == "train" else []
  command = ["--output_dir=run", f"--mode={mode}", *flags]
  commands_lib.refuse(commands, tmp_path, command, words)


@pytest.mark.parametrize("mode", ["search --num_epochs=2"])
def test_checkpoints_of_nan(commands, finished, tmp_path, mode):
  run = finished("micro")
  for path in run.glob("checkpoints/*.npz"):
    change_npz(path, nan_everywhere)
  mode, *flags = mode.split()
  command = ["--output_dir=run", f"--mode={mode}", *flags]
  outcome = commands.run(command, tmp_path)
  commands_lib.assert_refused(outcome, "not finite|NaN|nan")


@pytest.mark.parametrize("damage", [truncated, null])
def test_deriving_mends_what_it_writes(commands, finished, tmp_path, damage):
  run = finished("micro")
  before = (run / "best_arc.json").read_text()
  for name in ("best_arc.json", "leaderboard.json"):
    damage(run / name)
  outcome = commands.run(["--output_dir=run", "--mode=derive"], tmp_path)
  assert outcome.code == 0 and not outcome.stderr, outcome.stderr
  assert (run / "best_arc.json").read_text() == before


@pytest.mark.parametrize("name", ["best_arc.json", "leaderboard.json"])
def test_a_folder_in_the_place_of_what_deriving_writes(
  commands, finished, tmp_path, name
):
  folder(finished("micro") / name)
  outcome = commands.run(["--output_dir=run", "--mode=derive"], tmp_path)
  commands_lib.assert_refused(outcome, f"cannot be written.*{name}")


MANIFESTS = [
  {"starts": 5},
  {"starts": [5]},
  {"starts": [{}]},
  {"starts": [{"config": {}}]},
  {"starts": [{"config": {"mode": "search"}}]},
  {"starts": [{"config": {"mode": "search", "search_for": "x"}}]},
  {"starts": [{"config": {"mode": "search", "search_for": []}}]},
  {"starts": {"a": 1}},
  {"starts": "text"},
]


@pytest.mark.parametrize("value", MANIFESTS)
@pytest.mark.parametrize("mode", ["evaluate", "search"])
def test_manifests(commands, finished, tmp_path, value, mode):
  run = finished("micro")
  content = {"created_by": "enas_tf"} | value
  (run / "manifest.json").write_text(json.dumps(content))
  command = ["--output_dir=run", f"--mode={mode}"]
  words = r"manifest .* damaged.*--output_dir, or --reset_output_dir"
  commands_lib.refuse(commands, tmp_path, command, words)


SETTINGS = [
  ("seed", "x"),
  ("seed", None),
  ("save_minutes", []),
  ("log_every", 1.5),
  ("data", 5),
  ("data", []),
  ("valid_fraction", "half"),
  ("child_num_layers", "three"),
  ("child_num_layers", None),
  ("child_num_layers", 2.5),
  ("child_num_layers", True),
  ("child_ops", "sep_conv_3x3"),
  ("child_ops", [1, 2]),
  ("child_ops", None),
  ("child_lr_max", {}),
  ("child_use_aux_heads", "no"),
  ("final_batch_size", "64"),
  ("final_no_such_setting", 1),
  ("controller_lr", "fast"),
  ("controller_lr", float("nan")),
  ("controller_tanh_constant", "none"),
]


@pytest.mark.parametrize(("name", "value"), SETTINGS)
@pytest.mark.parametrize("mode", ["evaluate", "search"])
def test_recorded_settings_of_wrong_types(
  commands, finished, tmp_path, name, value, mode
):
  run = finished("micro")
  manifest = json.loads((run / "manifest.json").read_text())
  for start in manifest["starts"]:
    start["config"][name] = value
  (run / "manifest.json").write_text(json.dumps(manifest))
  command = ["--output_dir=run", f"--mode={mode}"]
  words = r"manifest .* damaged.*--output_dir, or --reset_output_dir"
  commands_lib.refuse(commands, tmp_path, command, words)


@pytest.mark.parametrize(
  ("flags", "words"),
  [
    ("--mode=search --resume_from=7", "--resume_from takes one of"),
    ("--mode=train --resume_from=7", "--resume_from takes one of"),
    ("--mode=search --search_for=macro", "--output_dir"),
    ("--mode=search --data=mnist", "holds another run.*data=mnist"),
    ("--mode=search --child_num_layers=2", "other settings.*child_num_layers"),
    ("--mode=search --seed=5", "other settings.*seed"),
    ("--mode=search --evaluator_batch_size=7", "settings.*evaluator_batch_s"),
    ("--mode=derive --child_out_filters=6", "other settings.*out_filters"),
    ("--mode=evaluate --child_fixed_arc=enas_micro", "integers|published"),
    ("--mode=evaluate --child_num_cells=2", "of this micro space has|cells"),
    ("--mode=train --final_out_filters=6", "other settings.*out_filters"),
    ("--mode=train --final_batch_size=9999", "lower --final_batch_size"),
    ("--mode=search --batch_size=9999", "lower --batch_size"),
    ("--mode=evaluate --data=folder --data_path=x", "--data_path"),
    ("--mode=import", "--import_checkpoint"),
  ],
)
def test_a_command_is_refused_and_the_next_one_works(
  commands, finished, tmp_path, flags, words
):
  finished("micro")
  command = ["--output_dir=run", *flags.split()]
  commands_lib.refuse(commands, tmp_path, command, words)
  if flags.startswith("--mode=search"):
    good = commands.run(["--output_dir=run", "--mode=evaluate"], tmp_path)
    assert good.code == 0 and not good.stderr, good.stderr
    assert "Test accuracy" in good.stdout


@pytest.mark.parametrize("mode", ["derive", "train", "evaluate", "export"])
@pytest.mark.parametrize("space", commands_lib.SPACES)
def test_verbs_without_what_they_need(commands, tmp_path, space, mode):
  data = "pydoc" if space == "rnn" else "digits"
  command = [f"--search_for={space}", f"--data={data}", f"--mode={mode}"]
  words = "--mode=search" if mode == "derive" else "no arc yet"
  commands_lib.refuse(commands, tmp_path, command, words)


@pytest.mark.parametrize("mode", ["evaluate", "export"])
def test_no_trained_child(commands, finished, tmp_path, mode):
  shutil.rmtree(finished("micro") / "final")
  command = ["--output_dir=run", f"--mode={mode}"]
  words = "no trained child.*--mode=train"
  commands_lib.refuse(commands, tmp_path, command, words)
