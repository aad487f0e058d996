"""A child of the original's goes on as one that was trained here."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from enas_tf import errors, main
from enas_tf.compat import enas_lm, original
from enas_tf.runs import assembly, fit, import_original
from tests.compat import tf1
from tests.runs import context

ROOT = pathlib.Path(__file__).parent.parent.parent
FIXED = {
  "micro": "0 0 1 4  1 1 0 2",
  "macro": "0  3 1  1 0 1",
  "rnn": "0 1 0 2",
}
SMALL = {
  "micro": dict(
    data="digits",
    child_num_layers=1,
    child_num_cells=1,
    child_out_filters=4,
    batch_size=64,
  ),
  "macro": dict(
    data="digits",
    child_num_layers=3,
    child_out_filters=4,
    batch_size=64,
    faithful=True,
  ),
  "rnn": dict(
    data="pydoc",
    vocab_size=500,
    child_num_nodes=2,
    child_hidden_size=8,
    batch_size=40,
    child_output="all",
  ),
}


def experiment(space, folder, mode, **run):
  return context.experiment(
    space,
    FIXED[space],
    mode=mode,
    output_dir=str(folder),
    num_epochs=1,
    **SMALL[space],
    **run,
  )


def as_the_originals(space, run_folder, prefix, **more) -> str:
  """Writes the trained child of a run as the original would have."""
  (child,) = (run_folder / "final").iterdir()
  model, description = fit.load(child, FIXED[space])
  if space != "rnn":
    variables = {
      f"child/{name}": reference.read()
      for name, reference in original.references(model).items()
    }
    return tf1.save(prefix, variables | tf1.BOOKKEEPING | more)
  variables = {
    f"language_model/{name}": reference.read()
    for name, reference in enas_lm.references(model).items()
  }
  # There words are numbered by the alphabet.
  order = np.argsort(description["vocabulary"])
  name = "language_model/embedding/w"
  variables[name] = variables[name][order]
  return tf1.save(prefix, variables | tf1.BOOKKEEPING | more)


@pytest.fixture(scope="module", params=FIXED)
def trained(request, tmp_path_factory):
  """(space, a run whose child is trained and tested, its checkpoint)."""
  space = request.param
  folder = tmp_path_factory.mktemp("runs")
  for mode in ("train", "evaluate"):
    main._run(experiment(space, folder / "trained", mode))
  prefix = folder / "outputs" / "model.ckpt-3"
  prefix.parent.mkdir()
  as_the_originals(space, folder / "trained", prefix)
  return space, folder / "trained", prefix


def read(folder, name):
  (path,) = folder.glob(f"final/*/{name}")
  return json.loads(path.read_text())


def test_import_goes_on_to_the_same_results(trained, tmp_path):
  space, run, prefix = trained
  imported = tmp_path / "imported"
  for path in (str(prefix), str(prefix.parent)):
    main._run(experiment(space, imported, "import", import_checkpoint=path))
  main._run(experiment(space, imported, "evaluate"))
  results = read(imported, "evaluation.json")
  for name, value in read(run, "evaluation.json").items():
    assert results[name] == pytest.approx(value, rel=1e-5), name
  expected = read(run, "child.json")
  expected.pop("epoch", None)  # Of a training here.
  assert read(imported, "child.json") == expected


@pytest.mark.parametrize("trained", ["micro"], indirect=True)
def test_on_the_command_line(trained, tmp_path):
  _, run, prefix = trained
  folder = tmp_path / "imported"

  def command(*flags):
    process = subprocess.run(
      [sys.executable, "-m", "enas_tf.main", f"--output_dir={folder}", *flags],
      cwd=ROOT,
      capture_output=True,
      text=True,
      timeout=300,
      check=False,
    )
    assert (process.returncode, process.stderr) == (0, ""), process.stderr
    return process.stdout

  said = command(
    "--mode=import",
    f"--import_checkpoint={prefix}",
    "--data=digits",
    f"--child_fixed_arc={FIXED['micro']}",
    "--child_num_cells=1",
  )
  assert "Imported the child of 0 0 1 4 1 1 0 2" in said
  command("--mode=evaluate")
  assert read(folder, "evaluation.json") == read(run, "evaluation.json")
  command("--mode=export")
  assert (folder / "export" / "saved_model").is_dir()


@pytest.mark.parametrize("trained", ["micro"], indirect=True)
@pytest.mark.parametrize(
  ("changed", "words"),
  [
    (dict(fixed_arc="0 1 1 4  1 1 0 2"), "normal/node_0/op_1"),
    (dict(fixed_arc="0 0 1 4  1 1 0 2  0 0 0 0"), "8 integers"),
  ],
)
def test_refuses_what_contradicts_the_checkpoint(
  trained, tmp_path, changed, words
):
  _, _, prefix = trained
  with pytest.raises(errors.UserError, match=words):
    asked = experiment(
      "micro", tmp_path / "run", "import", import_checkpoint=str(prefix)
    )
    main._run(dataclasses.replace(asked, **changed))
  assert not (tmp_path / "run" / "final").exists()


@pytest.mark.parametrize("trained", ["micro"], indirect=True)
def test_refuses_a_checkpoint_of_other_images(trained, tmp_path):
  _, run, _ = trained
  prefix = as_the_originals(
    "micro", run, tmp_path / "c", **{"child/fc/w": np.zeros((16, 7), "f")}
  )
  asked = experiment(
    "micro", tmp_path / "run", "import", import_checkpoint=prefix
  )
  with pytest.raises(errors.DataError, match="classes=10, trained on 7"):
    main._run(asked)


@pytest.mark.parametrize("trained", ["micro"], indirect=True)
def test_leaves_a_training_alone(trained):
  _, run, prefix = trained
  asked = experiment("micro", run, "import", import_checkpoint=str(prefix))
  (path,) = run.glob("final/*/child.keras")
  before = path.read_bytes()
  with pytest.raises(errors.OutputDirError, match="another `output_dir`"):
    main._run(asked)
  assert path.read_bytes() == before


def test_an_arc_with_settings_is_not_the_originals(tmp_path):
  given = context.experiment(
    "micro",
    f"{FIXED['micro']} final_lr_max=0.1",
    mode="import",
    import_checkpoint="x",
    **SMALL["micro"],
  )
  run, _ = context.make(tmp_path, given)
  with pytest.raises(errors.ConfigError, match="has no settings of ours"):
    import_original.run(assembly.Assembly(given), run)
