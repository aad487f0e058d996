"""The algorithm of ENAS: child steps on shared weights, then the controller."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import states, trials
from enas_tf.evaluators import base as evaluators


class Plan(NamedTuple):
  """How long a search is.

  Attributes:
    num_epochs: epochs in all.
    child_steps: child steps in an epoch.
    chunk: child steps between two reports.
    controller_steps: updates of the controller in a controller phase.
    controller_every: epochs from one controller phase to the next; 0 for none.
    arcs_per_step: arcs that an update averages over.
    warmup_epochs: first epochs, in which the controller waits.
  """

  num_epochs: int
  child_steps: int
  chunk: int
  controller_steps: int
  controller_every: int
  arcs_per_step: int
  warmup_epochs: int = 0


class Position:
  """How far a search has come; part of its checkpoints."""

  def __init__(self) -> None:
    self._counters = dict.fromkeys(
      ("tick", "epoch", "child_steps", "controller_steps"), 0
    )

  def __getattr__(self, name: str) -> int:
    try:
      return self.__dict__["_counters"][name]
    except KeyError:
      raise AttributeError(name) from None

  def advance(self, name: str, by: int = 1) -> None:
    """Moves a counter on.

    Args:
      name: of the counter.
      by: how many steps, updates or epochs.
    """
    self._counters[name] += by
    self._counters["tick"] += by

  def next_epoch(self) -> None:
    """Begins the next epoch."""
    self.advance("epoch")
    for name in ("child_steps", "controller_steps"):
      self._counters[name] = 0

  def state(self) -> dict[str, np.ndarray]:
    """Returns the counters, by name."""
    return {k: np.array(v, np.int64) for k, v in self._counters.items()}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    Args:
      arrays: what `state` returned.
    """
    states.check(self.state(), arrays)
    self._counters = {name: int(arrays[name]) for name in self._counters}


class Event(NamedTuple):
  """What happened since the event before.

  Attributes:
    kind: "child", "controller", "epoch", or "stopped", within an update.
    metrics: by path.
    arcs: int32 [n, num_decisions] that were trained on or proposed; None for
      the others.
    trials: what came of the proposed arcs, by number, and at the end of an
      epoch of all of it; None for the others.
  """

  kind: str
  metrics: dict[str, float]
  arcs: np.ndarray | None
  trials: list[trials.Trial] | None


def search(
  parts: Any,
  log: trials.TrialLog,
  position: Position,
  plan: Plan,
  stop: Callable[[], bool] = evaluators.never,
  on_trial: Callable[[trials.Trial], None] = lambda trial: None,
) -> Iterator[Event]:
  """Algorithm of ENAS, section 2.2: two interleaved phases, epoch by epoch.

  Whoever consumes the events logs, saves and stops. Between two events the
  state of all parts is whole, and a search that is restored there goes on as
  if it had never stopped. When `stop()` says so, an event comes as soon as a
  step is done.

  Args:
    parts: of the search: its `controller`, who proposes arcs; the `child`,
      which trains the shared weights on `child_arcs`; the `evaluator`, which
      scores arcs.
    log: of all trials; it answers for what was scored before.
    position: how far the search has come; it is moved on.
    plan: how long the search is.
    stop: whether an event is to come soon.
    on_trial: is told each trial as soon as it is known.
  """
  controller, child, evaluator = parts.controller, parts.child, parts.evaluator
  while position.epoch < plan.num_epochs:
    # The child: w <- w - dL(w; arc), a fresh arc at every step.
    while position.child_steps < plan.child_steps:
      steps = _chunk(position, plan)
      sampler, done = parts.child_arcs.of(position.epoch), child.num_steps
      arcs = sampler.sample(steps)
      metrics = child.run(arcs, stop)
      done = child.num_steps - done
      sampler.take_back(steps - done)
      position.advance("child_steps", done)
      if position.child_steps == plan.child_steps:
        child.flush()
      yield Event("child", metrics, arcs[:done], None)
    # The controller: theta <- theta + grad E[(R - b) log pi(arc)].
    while position.controller_steps < controller_steps_of(position, plan):
      arcs = controller.propose(plan.arcs_per_step)
      proposals = _numbered(arcs, controller.num_arcs)
      told = []
      for trial in _answers(evaluator, log, proposals, stop):
        on_trial(trial)
        told.append(trial)
      told.sort(key=lambda trial: trial.number)
      if len(told) < len(proposals):  # What is known will not be paid again.
        controller.take_back(len(proposals))
        yield Event("stopped", {}, None, None)
        continue
      metrics = controller.update(told) | evaluator.metrics()
      position.advance("controller_steps")
      yield Event("controller", metrics, arcs, told)
    told = _of_epoch(log, position, plan, controller.num_arcs)
    position.next_epoch()
    yield Event("epoch", controller.diagnostics(), None, told)


def _chunk(position: Position, plan: Plan) -> int:
  """Returns how many child steps come next.

  A chunk that was cut short by a stop is made whole.
  """
  chunk = plan.chunk - position.child_steps % plan.chunk
  return min(chunk, plan.child_steps - position.child_steps)


def _numbered(arcs: np.ndarray, end: int) -> list[trials.Proposal]:
  """Returns proposals; the last has the number before `end`."""
  return [
    trials.Proposal(number, tuple(row))
    for number, row in enumerate(arcs.tolist(), start=end - len(arcs))
  ]


def _answers(
  evaluator: evaluators.Evaluator,
  log: trials.TrialLog,
  proposals: Sequence[trials.Proposal],
  stop: Callable[[], bool],
) -> Iterator[trials.Trial]:
  """Yields a trial for each proposal, or of fewer if it is stopped.

  What the log holds is not paid for again.
  """
  known = log.known(proposals)
  evaluator.skip(known)
  yield from known
  answered = {trial.number for trial in known}
  asked = [each for each in proposals if each.number not in answered]
  for trial in evaluator.evaluate(asked, stop):
    log.append(trial)
    answered.add(trial.number)
    yield trial
  for proposal in asked:
    if proposal.number not in answered and not stop():
      trial = trials.failure(proposal, "the evaluator gave no answer", 0.0)
      log.append(trial)
      yield trial


def _of_epoch(
  log: trials.TrialLog, position: Position, plan: Plan, end: int
) -> list[trials.Trial]:
  """Returns the trials of an epoch, the last before a number.

  The log has them even if the search was resumed amid of the epoch.
  """
  n = controller_steps_of(position, plan) * plan.arcs_per_step
  return [each for each in log.trials() if each.number < end][-n:] if n else []


def controller_steps_of(position: Position, plan: Plan) -> int:
  """Returns how many updates the controller has in an epoch.

  Args:
    position: in the epoch.
    plan: of the search.
  """
  if not plan.controller_every or position.epoch < plan.warmup_epochs:
    return 0
  is_due = (position.epoch + 1) % plan.controller_every == 0
  return plan.controller_steps if is_due else 0
