"""The exceptions a user can meet.

Each message says what happened, what was expected and how to fix it, and ends
with `Received: name=value`. `main` prints the message alone, without a
traceback, and exits with a code that is not 0.
"""


_LONGEST = 1900  # Characters of a message.


def shorten(message: str, longest: int = _LONGEST) -> str:
  """Returns a message on one line, its middle left out if it is long."""
  line = " ".join(message.split())
  if len(line) <= longest:
    return line
  head, tail = longest * 2 // 3, longest // 3 - 7
  return f"{line[:head]} [...] {line[-tail:]}"


class UserError(ValueError):
  """Something the user can mend; the parent of every error below.

  Args:
    message: is shortened to one line of a bounded length.
  """

  def __init__(self, message: str):
    super().__init__(shorten(message))


class ConfigError(UserError):
  """An impossible setting, or two that contradict each other."""


class ArcError(UserError):
  """An architecture that is malformed or outside the space."""


class DataError(UserError):
  """Data that is missing, truncated or in another format."""


class CheckpointError(UserError):
  """A checkpoint that is missing, damaged or of another run."""


class OutputDirError(UserError):
  """An output folder that is not ours, or cannot be written."""


class DivergenceError(UserError):
  """A loss, a gradient or a weight is not finite.

  Args:
    message: what is not finite, and at which step; no full stop.
    received: the numbers.
    is_of_controller: whether it is not of a child, but of the controller.
  """

  def __init__(
    self, message: str, received: str = "", is_of_controller: bool = False
  ):
    super().__init__(message)
    self.received = received
    self.is_of_controller = is_of_controller
