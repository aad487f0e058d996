"""The search spaces that the verbs know, by name."""

from enas_tf import config
from enas_tf.runs import family, macro, macro_channels, micro, rnn

FAMILIES: dict[str, type[family.Family]] = {
  "micro": micro.MicroFamily,
  "macro": macro.MacroFamily,
  "macro_channels": macro_channels.MacroChannelsFamily,
  "rnn": rnn.RnnFamily,
}


def get(experiment: config.ExperimentConfig) -> family.Family:
  """Returns the family of the experiment's search space."""
  return FAMILIES[experiment.space](experiment)
