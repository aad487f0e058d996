"""Nothing to be learned: arcs have scores, and neither data nor networks."""

from typing import Any, NoReturn

from enas_tf import errors
from enas_tf.tasks import base


def refused(*args: Any, **kwargs: Any) -> NoReturn:
  """Takes the place of what needs data or networks.

  Args:
    *args: of any method.
    **kwargs: of any method.

  Raises:
    ConfigError: always.
  """
  raise errors.ConfigError(
    "The arcs of this space have scores, and neither data nor networks: they "
    "can be searched and derived, and that is all. Received: search_for=table"
  )


class ScoresAlone(base.Task):
  """The task of a search whose arcs no network computes.

  Args:
    settings: of data; there are none.
    source: of a program's data; there are none.
  """

  metric = base.Metric("reward", True, "reward", ".4g")
  part = "batch"
  uses_fit = True

  def __init__(self, settings: Any, source: None = None) -> None:
    del settings, source

  def fingerprint(self) -> dict[str, Any]:
    return {}

  @property
  def sizes(self) -> dict[str, Any]:
    return {}

  source = staticmethod(refused)
  steps = steps_per_epoch = refused
  train_stream = reward_stream = ranking_batches = valid_batches = refused
  reward = described = describes = evaluate = summary = refused
  compiled = export = refused
