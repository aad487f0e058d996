"""The exceptions a user can meet.

Each message says what happened, what was expected and how to fix it, and ends
with `Received: name=value`. `main` prints the message alone, without a
traceback, and exits with a code that is not 0.
"""

_LONGEST = 1_900  # Characters of a message.


def shorten(value: object, most: int = 300) -> str:
  """Returns the value as text on one line, without its middle if it is long.

  >>> shorten("a" * 30 + "z" * 30, most=20)
  'aaaaaaa ... zzzzzzzz'

  Args:
    value: anything.
    most: characters that are kept.
  """
  text = str(value)
  if len(text) > most:
    kept = most - len(" ... ")
    text = f"{text[: kept // 2]} ... {text[-(kept - kept // 2) :]}"
  return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class UserError(ValueError):
  """Something the user can mend; the parent of every error below.

  Args:
    message: is shortened to one line of a bounded length.
  """

  def __init__(self, message: str) -> None:
    super().__init__(shorten(" ".join(message.split()), _LONGEST))


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


class WorkerError(UserError):
  """A process that was to do some of the work cannot do it."""


class DivergenceError(UserError):
  """A loss, a gradient or a weight is not finite.

  Args:
    message: what is not finite, and at which step; no full stop.
    received: the numbers.
    is_of_controller: whether it is not of a child, but of the controller.
  """

  def __init__(
    self, message: str, received: str = "", is_of_controller: bool = False
  ) -> None:
    super().__init__(message)
    self.received = received
    self.is_of_controller = is_of_controller
