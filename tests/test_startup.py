import gc
import os

import pytest

from enas_tf import startup


def test_importing_silences_the_error_stream_of_the_process(capfd):
  with pytest.raises(KeyError), startup.importing():
    os.write(2, b"a note of a library")
    raise KeyError
  os.write(2, b"an error")
  assert capfd.readouterr().err == "an error"


def test_garbage_is_collected_after_importing_alone():
  with startup.importing():
    assert not gc.isenabled()
  assert gc.isenabled()
  assert gc.get_freeze_count() > 0
  gc.unfreeze()
