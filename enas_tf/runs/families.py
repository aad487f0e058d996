"""The search spaces that the verbs know, by the word of --search_for."""

from enas_tf import config, errors
from enas_tf.runs import family, micro

FAMILIES: dict[str, type[family.Family]] = {"micro": micro.MicroFamily}


def get(experiment: config.ExperimentConfig) -> family.Family:
  """Returns the family that --search_for names."""
  word = experiment.run.search_for
  if word not in FAMILIES:
    raise errors.ConfigError(
      f"--search_for is one of {', '.join(FAMILIES)}. Received: "
      f"search_for={word}"
    )
  return FAMILIES[word](experiment)
