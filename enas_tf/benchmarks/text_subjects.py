"""What is timed of the RNN space, at the size of the original's search."""

import dataclasses
import itertools
import time

import numpy as np
import tensorflow as tf

from enas_tf import config, trials
from enas_tf.data import text, text_windows
from enas_tf.networks import rnn_child, rnn_supernet
from enas_tf.runs import families
from enas_tf.spaces import rnn
from enas_tf.training import trainer

GOALS = {"rnn": 1.10}  # Of a step, against the bound.
BATCH_SIZES = {"rnn": 20}
LARGER = "8 functions"
_EIGHT = (
  "tanh",
  "relu",
  "sigmoid",
  "identity",
  "elu",
  "swish",
  "softplus",
  "sine",
)
_NUM_NODES, _HIDDEN_SIZE = 12, 720
_NUM_WORDS = 10_000
_NUM_FOR_PIPELINE = 200  # Windows.


def write_data(folder):
  """Writes a text of random words; returns its path."""
  rng = np.random.default_rng(0)
  ids = np.concatenate(
    [np.arange(_NUM_WORDS), rng.integers(0, _NUM_WORDS, 190_000)]
  )
  path = folder / "random.txt"
  lines = ids.reshape(-1, 20).astype(str)
  path.write_text("".join(" ".join(line) + "\n" for line in lines))
  return path


def experiment(options, data) -> config.ExperimentConfig:
  """Returns the settings of the search."""
  recipe = config.RECIPES["rnn"]
  search = dataclasses.replace(
    recipe.search,
    batch_size=options.batch_size,
    num_nodes=_NUM_NODES,
    hidden_size=_HIDDEN_SIZE,
  )
  return dataclasses.replace(
    recipe,
    run=dataclasses.replace(recipe.run, seed=options.seed),
    data=config.DataConfig(data="text", data_path=str(data)),
    search=search,
    final=dataclasses.replace(recipe.final, num_nodes=_NUM_NODES),
  )


class Subjects:
  """What is timed.

  Attributes:
    functions: by name; each takes the number of an arc.
    num_aggregate: arcs of a controller update.
  """

  def __init__(self, options, settings):
    self._family = families.get(settings)
    child, space = settings.search, self._family.space
    data = text.load("text", settings.data.data_path, settings.data.vocab_size)
    self._rows = text_windows.batched(data.train, child.batch_size)
    self._child = child
    self._window = next(text_windows.windows(self._rows, child.bptt_steps))
    rng = np.random.default_rng(options.seed)
    arcs = [space.random(rng) for _ in range(options.arcs)]
    rows = [space.encode(arc)[None] for arc in arcs]
    row_tensors = [tf.constant(row[0]) for row in rows]
    sizes = self._family.sizes(child) | {"seed": options.seed}
    network = rnn_supernet.RnnSupernet(space, **sizes)
    larger = rnn_supernet.RnnSupernet(
      rnn.RnnSpace(child.num_nodes, _EIGHT), **sizes
    )
    static = [rnn_child.build(arc, **sizes) for arc in arcs]
    step, step_of_larger = self._trainer(network), self._trainer(larger)
    static_steps = [self._trainer(each) for each in static]
    forward = self._evaluator(network)
    static_forward = [self._evaluator(each) for each in static]
    controller = self._family.make_controller()
    self.num_aggregate = n = settings.controller.num_aggregate

    def update(i):
      controller.propose(n)
      controller.update(_trials(rows[i], n))

    self.functions = {
      "supernet step": lambda i: step.run(rows[i]),
      "static step": lambda i: static_steps[i].run_steps(
        [None], trainer.Means()
      ),
      f"supernet step, {LARGER}": lambda i: step_of_larger.run(rows[i]),
      "supernet forward": lambda i: forward(self._windows(), row_tensors[i]),
      "static forward": lambda i: static_forward[i](self._windows()),
      "controller sample and update": update,
    }

  def _windows(self) -> list:
    return [self._window]

  def _same_window(self, step):
    del step
    return itertools.repeat(self._window)

  def _trainer(self, network):
    return self._family.trainer(network, self._same_window, self._child, 1)

  def _evaluator(self, network):
    return self._family.measurement(network).score

  def seconds_per_batch(self) -> float:
    """Returns how long the input pipeline takes, when nothing else runs."""
    windows = text_windows.windows(self._rows, self._child.bptt_steps)
    started = time.perf_counter()
    for _ in range(_NUM_FOR_PIPELINE):
      tf.constant(next(windows).inputs)
    return (time.perf_counter() - started) / _NUM_FOR_PIPELINE


def _trials(row, n):
  """Returns trials of one arc [1, num_decisions], as a controller is told."""
  arc = tuple(row[0].tolist())
  return [trials.Trial(i, arc, scores={"reward": 0.0}) for i in range(n)]
