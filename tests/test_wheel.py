"""What pip installs is whole: flagfiles, and the word that types are there."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).parent.parent


def test_the_wheel_holds_every_module_and_flagfile(tmp_path):
  source = tmp_path / "source"
  source.mkdir()
  for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
    shutil.copy2(ROOT / name, source)
  for name in ("enas_tf", "flags"):
    shutil.copytree(
      ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
    )
  pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
  subprocess.run([*pip, f"--wheel-dir={tmp_path}", source], check=True)
  (wheel,) = tmp_path.glob("*.whl")
  names = set(zipfile.ZipFile(wheel).namelist())
  modules = (ROOT / "enas_tf").rglob("*.py")
  expected = {str(path.relative_to(ROOT)) for path in modules}
  expected |= {
    f"enas_tf/flagfiles/{path.name}" for path in (ROOT / "flags").iterdir()
  }
  assert expected | {"enas_tf/py.typed"} <= names
  tops = {name.split("/")[0] for name in names}
  assert {each for each in tops if not each.endswith(".dist-info")} == {
    "enas_tf"
  }
