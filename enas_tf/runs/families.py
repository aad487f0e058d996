"""The search spaces that the verbs know, by the word of --search_for."""

from enas_tf import config
from enas_tf.runs import family, macro, micro

FAMILIES: dict[str, type[family.Family]] = {
  "micro": micro.MicroFamily,
  "macro": macro.MacroFamily,
}


def get(experiment: config.ExperimentConfig) -> family.Family:
  """Returns the family that --search_for names."""
  return FAMILIES[experiment.run.search_for](experiment)
