"""The interface of whoever does jobs; it knows neither arcs nor networks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol


class Job(NamedTuple):
  """Something to be done.

  Attributes:
    number: by which it is known; no two jobs of a run have the same.
    payload: what the one who does it is told; it can be pickled.
  """

  number: int
  payload: Any


class Result(NamedTuple):
  """What came of a job.

  Attributes:
    number: of the job.
    value: what its function returned; None if it failed.
    reason: why it failed, in words for the user, or None.
    seconds: that it took.
  """

  number: int
  value: Any = None
  reason: str | None = None
  seconds: float = 0.0


# Is told (number, value) amid a job; answers whether the job is to go on.
OnReport = Callable[[int, Any], bool]


def go_on(number: int, value: Any) -> bool:
  """Answers a report, if nobody wants to know of any.

  Args:
    number: of the job.
    value: what was reported.
  """
  del number, value
  return True


class Engine(Protocol):
  """Does jobs, several at once."""

  def run(
    self,
    jobs: Iterable[Job],
    on_report: OnReport = go_on,
    stop: Callable[[], bool] = lambda: False,
  ) -> Iterator[Result]:
    """Yields a result for each job, as soon as it is known, in any order.

    What goes wrong with a job is a result with a reason, not an exception. A
    job may be begun anew, and then reports the same again.

    Args:
      jobs: what is to be done.
      on_report: is told what jobs report.
      stop: is asked again and again whether all that is not done is given up;
        it is not yielded.

    Raises:
      UserError: if no job can be done at all.
    """

  def close(self) -> None:
    """Ends whatever is at work; the engine may be used again."""
