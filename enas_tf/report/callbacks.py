"""What a search tells those who listen, as Keras tells its callbacks."""

from collections.abc import Mapping

from enas_tf import trials


class Callback:
  """Listens to a search; a subclass has the methods that it needs.

  Whatever a method raises ends the search; it goes on from its last
  checkpoint.

  >>> class Printer(Callback):
  ...   def on_epoch(self, epoch, metrics):
  ...     print(epoch, metrics["reward/mean"])
  >>> searching = enas_tf.Search(callbacks=[Printer()], output_dir=folder)
  """

  def on_step(self, step: int, metrics: Mapping[str, float]) -> None:
    """Is called when steps of the child, or one of the controller, are done.

    Args:
      step: how far the search is; it only grows.
      metrics: by path, as in metrics.jsonl.
    """

  def on_trial(self, trial: trials.Trial) -> None:
    """Is called when an arc was scored, or found in the log of trials.

    Args:
      trial: the arc, and what came of it.
    """

  def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
    """Is called at the end of an epoch.

    Args:
      epoch: its number, from 1.
      metrics: the last of each, by path.
    """
