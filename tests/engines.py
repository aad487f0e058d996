"""An engine without processes: it does jobs here, one after the other."""

from enas_tf.distributed import base


class Engine:
  """Does jobs by a function.

  Args:
    work: from (payload, report) to the value of a job; what it raises is the
      reason why that job failed.
    is_reversed: whether the last job is done first.
  """

  def __init__(self, work, is_reversed=False):
    self._work = work
    self._is_reversed = is_reversed
    self.closed = 0

  def run(self, jobs, on_report=base.go_on, stop=lambda: False):
    jobs = list(jobs)
    for job in reversed(jobs) if self._is_reversed else jobs:
      if stop():
        return
      try:
        value = self._work(
          job.payload, lambda value, n=job.number: on_report(n, value)
        )
      except ValueError as error:
        yield base.Result(job.number, reason=str(error))
      else:
        yield base.Result(job.number, value, seconds=1.5)

  def close(self):
    self.closed += 1
