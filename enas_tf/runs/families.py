"""The search spaces that the verbs know, by the word of `search_for`."""

from collections.abc import Callable

from enas_tf import config
from enas_tf.runs import family, macro_channels, micro, rnn

# Each makes the family of an experiment.
FAMILIES: dict[str, Callable[[config.ExperimentConfig], family.Family]] = {
  "micro": micro.MicroFamily,
  "macro": macro_channels.choose,
  "rnn": rnn.RnnFamily,
}


def get(experiment: config.ExperimentConfig) -> family.Family:
  """Returns the family of the experiment's search space."""
  return FAMILIES[experiment.run.search_for](experiment)
