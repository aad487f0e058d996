import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from enas_tf import errors
from enas_tf.distributed import base, pool

ROOT = pathlib.Path(__file__).parent.parent.parent
FACTORY = "tests.distributed.jobs:make"


@pytest.fixture
def make_pool():
  made = []

  def make(common=None, **arguments):
    made.append(pool.Pool(FACTORY, common, **arguments))
    return made[-1]

  yield make
  for each in made:
    each.close()


def jobs(*payloads):
  return [base.Job(i, payload) for i, payload in enumerate(payloads)]


def run(workers, *payloads, **arguments):
  """Returns the results by number."""
  found = {r.number: r for r in workers.run(jobs(*payloads), **arguments)}
  return [found[number] for number in sorted(found)]


def is_alive(pid):
  """Whether a process is at work; one that is dead and not buried is not."""
  try:
    status = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except (FileNotFoundError, ProcessLookupError):
    return False
  return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, seconds=30):
  deadline = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.02)


def test_jobs_are_done_at_once_by_workers_that_stay(make_pool):
  workers = make_pool(num_workers=2)
  found = run(workers, *[("double", i) for i in range(7)])
  assert [each.value for each in found] == [2 * i for i in range(7)]
  pids = workers.pids
  assert len(pids) == 2
  started = time.monotonic()
  run(workers, ("sleep", 1.0), ("sleep", 1.0))
  assert time.monotonic() - started < 1.8
  assert workers.pids == pids


def test_workers_know_what_they_have_in_common(make_pool):
  large = bytes(5_000_000)  # More than a pipe holds.
  workers = make_pool(large)
  assert run(workers, ("common", None))[0].value == large


def test_workers_have_an_environment_and_no_interrupts(make_pool):
  workers = make_pool(num_workers=2, environment=lambda i: {"SLOT": str(i)})
  about = [
    r.value for r in run(workers, *[("about", None), ("sleep", 0.3)] * 2)
  ]
  found = [each for each in about if isinstance(each, dict)]
  assert {each["slot"] for each in found} <= {"0", "1"}
  assert all(each["interrupts"] for each in found)
  assert "SLOT" not in os.environ


def test_an_exception_is_its_jobs_failure_alone(make_pool):
  workers = make_pool()
  found = run(
    workers,
    ("raise", errors.DivergenceError("NaN at step 3", "loss=nan")),
    ("raise", EOFError("Too short.")),
    ("double", 2),
  )
  assert [each.reason for each in found] == [
    "NaN at step 3",
    "EOFError: Too short.",
    None,
  ]
  assert found[2].value == 4


def test_a_killed_worker_loses_nothing(make_pool, tmp_path):
  workers = make_pool(num_workers=2)
  found = run(
    workers,
    ("sleep", 0.5),
    ("kill once", str(tmp_path / "killed")),
    *[("double", i) for i in range(3)],
  )
  assert [each.value for each in found] == [0.5, "lives", 0, 2, 4]


@pytest.mark.parametrize(
  "payload, reason",
  [
    (("kill", signal.SIGKILL), "Its worker has died, twice: it was killed"),
    (("kill", signal.SIGSEGV), "Its worker has died, twice: .*SIGSEGV"),
    (("exit", 3), "twice: it ended with code 3, My last words."),
  ],
)
def test_what_kills_its_worker_twice_has_failed(make_pool, payload, reason):
  workers = make_pool()
  bad, good = run(workers, payload, ("double", 1))
  assert bad.value is None
  assert re.search(reason, bad.reason), bad.reason
  assert good.value == 2


def test_a_worker_killed_between_runs_is_replaced(make_pool):
  workers = make_pool()
  run(workers, ("double", 1))
  os.kill(workers.pids[0], signal.SIGKILL)
  assert run(workers, ("double", 4))[0].value == 8


def test_what_hangs_is_ended(make_pool):
  workers = make_pool(num_workers=2, max_seconds=0.6)
  hung, good = run(workers, ("sleep", 600), ("double", 1))
  assert "longer than allowed" in hung.reason
  assert "worker_minutes=0.01" in hung.reason
  assert 0.6 < hung.seconds < 5
  assert good.value == 2


def test_what_takes_too_much_memory_is_ended(make_pool):
  workers = make_pool(max_bytes=200_000_000)
  bad, good = run(workers, ("fill", 300_000_000), ("double", 1))
  assert "more memory than a worker may have" in bad.reason
  assert good.value == 2


def test_workers_are_replaced_after_many_jobs(make_pool):
  workers = make_pool(max_jobs=2)
  found = run(workers, *[("about", None)] * 5)
  assert [each.value["jobs"] for each in found] == [1, 2, 1, 2, 1]
  assert len({each.value["pid"] for each in found}) == 3


def test_workers_are_replaced_when_they_have_grown(make_pool):
  workers = make_pool(max_bytes=400_000_000)
  found = run(workers, ("keep", 1), *[("keep", 80_000_000)] * 5)
  assert 1 < len({each.value for each in found}) < 6


def test_jobs_report_and_are_given_up(make_pool):
  workers, heard = make_pool(num_workers=2), []

  def on_report(number, value):
    heard.append((number, value))
    return number == 1 or value < 2

  found = run(workers, ("count", 9), ("count", 4), on_report=on_report)
  assert [each.value for each in found] == [2, 4]
  assert [value for number, value in heard if number == 0] == [0, 1, 2]
  assert [value for number, value in heard if number == 1] == [0, 1, 2, 3]


def test_it_stops_at_once_and_goes_on(make_pool):
  workers, found = make_pool(num_workers=2), []
  run(workers, ("double", 1), ("double", 1))
  started = time.monotonic()
  for result in workers.run(
    jobs(("double", 3), ("sleep", 600), ("sleep", 600)),
    stop=lambda: time.monotonic() - started > 0.5,
  ):
    found.append(result.value)
  assert found == [6]
  assert time.monotonic() - started < 3
  assert run(workers, ("double", 4))[0].value == 8


def test_a_factory_that_fails_ends_it_all(make_pool):
  with pytest.raises(errors.DataError, match="no data"):
    run(make_pool("refuses"), ("double", 1))
  with pytest.raises(errors.WorkerError, match="RuntimeError: of no known"):
    run(make_pool("breaks"), ("double", 1))


SCRIPT = """
from enas_tf.distributed import base, pool, worker
{guard}
  worker.refuse_if_starting()
  workers = pool.Pool("tests.distributed.jobs:make", num_workers=2)
  jobs = [base.Job(0, ("about", None)), base.Job(1, ("sleep", 600))]
  for result in workers.run(jobs):
    print(*workers.pids, flush=True)
"""


def script(tmp_path, guard):
  path = tmp_path / "script.py"
  path.write_text(SCRIPT.format(guard=guard))
  return subprocess.Popen(
    [sys.executable, str(path)],
    cwd=ROOT,
    env=os.environ | {"PYTHONPATH": str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def test_a_program_without_its_guard_is_told_so(tmp_path):
  program = script(tmp_path, "if True:")
  out, error = program.communicate(timeout=60)
  assert out == ""
  assert program.returncode == 1
  assert error.count("put what the program does under `if __name__ ==") == 1
  assert "WorkerError: A search with workers begins" in error


def test_workers_end_with_a_killed_parent(tmp_path):
  with script(tmp_path, 'if __name__ == "__main__":') as program:
    pids = [int(each) for each in program.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(is_alive, pids))
    program.kill()
    wait_for(lambda: not any(map(is_alive, pids)), 5)
