"""A pool of processes of this machine; who dies takes no other's job along."""

import collections
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing import connection as connections
from typing import Any

from enas_tf import errors
from enas_tf.distributed import base, worker

_POLL_SECONDS = 0.1  # From one look at limits and stops to the next.
_MEMORY_SECONDS = 1.0  # From one look at the memory of the workers to the next.
_MOST_STARTS = 3  # Of workers in a row that die before they are ready.


def _nothing(slot: int) -> dict[str, str]:
  del slot
  return {}


class Pool:
  """Workers that stay, and are replaced before they grow too large.

  A worker calls the factory once, and what it returns with each job: as
  work(payload, report), where report(value) says whether to go on.

  A job whose worker dies is done again, once; a worker that takes too long or
  too much memory is ended, and its job has failed. Workers end with the process
  that started them, however that ends, and leave Ctrl-C to it.

  Args:
    factory: "module:function", which is imported in each worker and called with
      what they have in common.
    common: can be pickled.
    num_workers: how many jobs are done at once.
    environment: from a worker's slot, in range(num_workers), to variables of
      its environment.
    max_jobs: after which a worker is replaced, or None.
    max_seconds: that a job may take, or None.
    max_bytes: of memory that a worker may take, or None. One that has used half
      of what its first job left is replaced.
  """

  def __init__(
    self,
    factory: str,
    common: Any = None,
    *,
    num_workers: int = 1,
    environment: Callable[[int], Mapping[str, str]] = _nothing,
    max_jobs: int | None = None,
    max_seconds: float | None = None,
    max_bytes: int | None = None,
  ) -> None:
    self._factory = factory
    self._common = common
    self._num_workers = num_workers
    self._environment = environment
    self._max_jobs = max_jobs
    self._max_seconds = max_seconds
    self._max_bytes = max_bytes
    self._workers: list[worker.Worker] = []
    self._bad_starts = 0
    self._looked = 0.0  # When the memory was looked at.

  @property
  def pids(self) -> list[int]:
    """The numbers of the processes."""
    return [each.pid for each in self._workers]

  def run(
    self,
    jobs: Iterable[base.Job],
    on_report: base.OnReport = base.go_on,
    stop: Callable[[], bool] = lambda: False,
  ) -> Iterator[base.Result]:
    """Yields a result for each job; see `base.Engine`.

    Args:
      jobs: see there.
      on_report: likewise.
      stop: likewise.

    Raises:
      WorkerError: if workers cannot start; or what their factory raises.
    """
    waiting = collections.deque(jobs)
    again: set[int] = set()  # Jobs whose worker has died.
    try:
      while (waiting or self._busy()) and not stop():
        self._hand_out(waiting)
        for each in self._speaking():
          result = self._hear(each, waiting, again, on_report)
          if result is not None:
            yield result
        yield from self._over_limits()
    finally:
      for each in self._busy():
        self._workers.remove(each)
        each.end()

  def close(self) -> None:
    """Ends all workers."""
    while self._workers:
      self._workers.pop().end()

  def _busy(self) -> list[worker.Worker]:
    return [each for each in self._workers if each.job is not None]

  def _hand_out(self, waiting: collections.deque[base.Job]) -> None:
    """Gives jobs to those who wait for one, and starts workers for others."""
    for each in self._workers:
      if waiting and each.is_ready and each.job is None:
        each.begin(waiting.popleft())
    free = len(self._workers) - len(self._busy())
    for _ in range(len(waiting) - free):
      if len(self._workers) < self._num_workers:
        self._start()

  def _start(self) -> None:
    taken = {each.slot for each in self._workers}
    slot = next(i for i in range(self._num_workers) if i not in taken)
    started = worker.Worker(slot, self._factory, self._environment(slot))
    self._workers.append(started)

  def _speaking(self) -> list[worker.Worker]:
    """Returns the workers that say something, or have died."""
    by_connection = {each.connection: each for each in self._workers}
    found = connections.wait(by_connection, _POLL_SECONDS)
    return [each for link, each in by_connection.items() if link in found]

  def _hear(
    self,
    speaker: worker.Worker,
    waiting: collections.deque[base.Job],
    again: set[int],
    on_report: base.OnReport,
  ) -> base.Result | None:
    """Answers a worker; returns the result of a job that has ended."""
    message, job = speaker.receive(), speaker.job
    if message is None:
      return self._bury(speaker, waiting, again)
    kind, value, seconds = message
    if kind == "up":
      speaker.send(self._common)
    elif kind == "ready":
      speaker.is_ready, self._bad_starts = True, 0
    elif kind == "broken":
      self.close()
      name, text = value
      raise getattr(errors, name, errors.WorkerError)(text)
    elif kind == "report":
      assert job is not None
      speaker.send(on_report(job.number, value))
    else:
      assert job is not None
      speaker.finish()
      has_failed = kind == "failed"
      if (has_failed and value[1]) or self._is_old(speaker):
        self._replace(speaker)
      if has_failed:
        return base.Result(job.number, reason=value[0], seconds=seconds)
      return base.Result(job.number, value, seconds=seconds)
    return None

  def _bury(
    self,
    dead: worker.Worker,
    waiting: collections.deque[base.Job],
    again: set[int],
  ) -> base.Result | None:
    """Begins a dead worker's job anew, or returns that it has failed."""
    self._workers.remove(dead)
    job, code, words = dead.job, dead.end(), dead.last_words()
    if not dead.is_ready:
      self._bad_starts += 1
      if code >= 0 or self._bad_starts >= _MOST_STARTS:
        self.close()
        raise errors.WorkerError(_why_no_start(code, words))
    if job is None:
      return None
    if job.number not in again:
      again.add(job.number)
      waiting.appendleft(job)
      return None
    reason = f"Its worker has died, twice: {_end(code, words)}"
    return base.Result(job.number, reason=reason, seconds=dead.seconds)

  def _over_limits(self) -> Iterator[base.Result]:
    """Ends what takes too long, or too much memory."""
    now = time.monotonic()
    looks = self._max_bytes is not None and (
      now - self._looked >= _MEMORY_SECONDS
    )
    if looks:
      self._looked = now
    for each in self._busy():
      reason = None
      if self._max_seconds is not None and each.seconds > self._max_seconds:
        reason = (
          "It took longer than allowed: raise `worker_minutes`. Received: "
          f"worker_minutes={self._max_seconds / 60:g}"
        )
      elif looks and each.num_bytes > (self._max_bytes or 0):
        reason = (
          "It took more memory than a worker may have: lower `num_workers` or "
          "the sizes of the child. Received: GiB="
          f"{each.num_bytes / 2**30:.2f}, allowed="
          f"{(self._max_bytes or 0) / 2**30:.2f}"
        )
      if reason is not None:
        assert each.job is not None
        number, seconds = each.job.number, each.seconds
        self._replace(each)
        yield base.Result(number, reason=reason, seconds=seconds)

  def _is_old(self, each: worker.Worker) -> bool:
    """Whether a worker has done, or has grown, enough."""
    if self._max_jobs is not None and each.num_jobs >= self._max_jobs:
      return True
    if self._max_bytes is None:
      return False
    least = each.least_bytes or 0
    return each.num_bytes - least > max(0, self._max_bytes - least) / 2

  def _replace(self, each: worker.Worker) -> None:
    """Ends a worker; the next one starts at once, for that takes its time."""
    self._workers.remove(each)
    each.end()
    self._start()


def _end(code: int, words: str) -> str:
  """Returns how a process has ended, in words."""
  if code == -signal.SIGKILL:
    return "it was killed, as systems do where the memory does not suffice"
  if code < 0:
    how = f"it ended by {signal.Signals(-code).name}"
  else:
    how = f"it ended with code {code}"
  return f"{how}, {words}" if words else how


def _why_no_start(code: int, words: str) -> str:
  """Returns what to say of a worker that died before it was ready."""
  guard = 'if __name__ == "__main__":'
  if guard in words:  # It says all by itself.
    return words.partition(": ")[2]
  return (
    "A worker has died as it started. It imports the program first: that must "
    "be a file whose work stands under "
    f"`{guard}`. Received: {_end(code, words)}"
  )
