import pytest

from enas_tf import errors, own_files


def test_a_folder_inside_is_deleted_with_what_the_run_wrote_alone(tmp_path):
  saved = tmp_path / "run" / "export" / "saved_model"
  saved.mkdir(parents=True)
  (saved / "saved_model.pb").touch()
  (saved / "notes").touch()
  with pytest.raises(errors.OutputDirError, match="notes"):
    own_files.delete(saved, tmp_path / "run")
  assert (saved / "saved_model.pb").exists()
  (saved / "notes").unlink()
  own_files.delete(saved, tmp_path / "run")
  assert not saved.exists()


def test_a_linked_folder_inside_is_left_alone(tmp_path):
  target = tmp_path / "theirs"
  (target / "saved_model").mkdir(parents=True)
  (target / "saved_model" / "saved_model.pb").write_text("theirs")
  run_folder = tmp_path / "run"
  run_folder.mkdir()
  (run_folder / "export").symlink_to(target)
  with pytest.raises(errors.OutputDirError, match="is a link"):
    own_files.delete(run_folder / "export" / "saved_model", run_folder)
  assert (target / "saved_model" / "saved_model.pb").read_text() == "theirs"


@pytest.mark.parametrize(
  ("name", "is_written"),
  [
    ("metrics.jsonl", True),
    ("checkpoints/checkpoint-000000012.npz", True),
    ("final/micro-0/tensorboard/train/events.out.tfevents.1.x", True),
    (".enas_tf.old/leaderboard.json", True),
    ("export/saved_model/.enas_tf-1f/x", True),
    ("checkpoints/notes.txt", False),
    ("final/child.json", False),
    ("more/metrics.jsonl", False),
  ],
)
def test_what_a_run_writes(tmp_path, name, is_written):
  path = tmp_path / name
  path.parent.mkdir(parents=True, exist_ok=True)
  path.touch()
  if is_written:
    assert own_files.contents(tmp_path, tmp_path) == [path]
  else:
    with pytest.raises(errors.OutputDirError, match="did not write"):
      own_files.contents(tmp_path, tmp_path)
