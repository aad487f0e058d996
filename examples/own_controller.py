"""Searches by a strategy of one's own: simulated annealing, on digits.

python examples/own_controller.py [EPOCHS]
"""

import sys

import numpy as np

import enas_tf
from enas_tf.controllers import base, moves


class Annealing(base.Controller):
  """Proposes neighbours of an arc, and goes where it is better.

  Or where it is worse, with a chance that falls with the temperature.
  """

  def __init__(self, space, seed):
    super().__init__(space)
    self.seed = seed
    self.arc = moves.random(space, self.rng(0, "start"))
    self.reward, self.temperature = -np.inf, 0.1

  @classmethod
  def from_settings(cls, settings, space, make_policy, seed):
    """Returns the controller of a run; a policy would be `make_policy()`."""
    return cls(space, seed)

  def rng(self, number, use):
    """Each arc has random numbers of its own, by its number."""
    return np.random.default_rng([self.seed, number, len(use)])

  def draw(self, first, n):
    """Returns the arcs `first`, ..., the same each time it is asked."""
    numbers = range(first, first + n)
    arcs = [
      moves.mutated(self.space, self.arc, self.rng(number, "step"))
      for number in numbers
    ]
    return np.reshape(arcs, [n, self.space.num_decisions]).astype(np.int32)

  def update(self, trials):
    """Learns from trials by number, failed ones among them."""
    for trial in trials:
      if trial.is_done:
        gain = (trial.reward - self.reward) / self.temperature
        if self.rng(trial.number, "accept").random() < np.exp(min(gain, 0)):
          self.arc, self.reward = trial.arc, trial.reward
    self.temperature *= 0.98
    return {"controller/temperature": self.temperature}

  def state(self):
    """Returns all that a search needs to go on after it was stopped."""
    return {
      **super().state(),
      "arc": np.array(self.arc, np.int32),
      "reward": np.array(self.reward),
      "temperature": np.array(self.temperature),
    }

  def restore(self, arrays):
    """Takes that back."""
    super().restore(arrays)
    self.arc = tuple(arrays["arc"].tolist())
    self.reward = float(arrays["reward"])
    self.temperature = float(arrays["temperature"])


def main(epochs=20):
  enas_tf.register_controller("annealing", Annealing)
  search = enas_tf.Search(
    data="digits",
    output_dir="outputs/examples/own_controller",
    controller="annealing",
    num_epochs=int(epochs),
    batch_size=32,
    child_num_layers=2,
    child_num_cells=2,
    child_out_filters=8,
    controller_train_steps=5,
  )
  search.run()
  search.results_summary(3)
  search.train()
  print(search.evaluate())


if __name__ == "__main__":
  main(*sys.argv[1:])
