"""The exceptions a user can meet.

Each message says what happened, what was expected and how to fix it, and ends
with `Received: name=value`. `main` prints the message alone, without a
traceback, and exits with a code that is not 0.
"""


def shorten(value: object, most: int = 300) -> str:
  """Returns the value as text on one line, without its middle if it is long.

  >>> shorten("a" * 30 + "z" * 30, most=20)
  'aaaaaaa ... zzzzzzzz'
  """
  text = str(value)
  if len(text) > most:
    kept = most - len(" ... ")
    text = f"{text[: kept // 2]} ... {text[-(kept - kept // 2) :]}"
  return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class UserError(ValueError):
  """Something the user can mend; the parent of every error below."""


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
  """The loss is not a number; the last good checkpoint is kept."""
