import inspect

import pytest

from enas_tf import errors

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", CLASSES)
def test_one_handler_catches_all(error):
  with pytest.raises(errors.UserError, match="what to do"):
    raise error("what to do")
  assert issubclass(error, ValueError)


def test_every_error_says_what_it_is_for():
  assert len(CLASSES) >= 7
  assert all(each.__doc__ for each in CLASSES)
