"""Whether what is asked for would fit into the memory."""

from typing import Any

from enas_tf import errors
from enas_tf.data import files
from enas_tf.settings import fields

_BYTES_PER_WEIGHT = 12  # Itself, its momentum and its gradient.
# The settings that set the size of a network.
_SIZES = (
  "out_filters",
  "num_layers",
  "num_cells",
  "hidden_size",
  "num_nodes",
)


def check(
  num_weights: int,
  what: str,
  settings: fields.Settings,
  names: tuple[str, ...] = _SIZES,
) -> None:
  """Refuses what the system would kill, without a word, once it is built.

  Args:
    num_weights: that it has at least.
    what: has them.
    settings: of it.
    names: the settings that set its size.
  """
  needed, most = _BYTES_PER_WEIGHT * num_weights, files.memory()
  if needed > most:
    sizes = {
      _given_as(settings, field): getattr(settings, field.name)
      for name in names
      for field in fields.each(settings)
      if field.name == name
    }
    raise errors.ConfigError(
      f"{what} would take {needed / 2**30:,.1f} GiB of memory or more, and "
      f"this machine has {most / 2**30:,.1f} GiB: lower "
      f"{' or '.join(f'`{name}`' for name in sizes)}. Received: "
      + ", ".join(f"{name}={value}" for name, value in sizes.items())
    )


def _given_as(settings: fields.Settings, field: Any) -> str:
  """Returns the name by which a setting can be changed."""
  if fields.of(field).of_arc and settings.prefix == "final_":
    return f"child_{field.name}"  # That of the search decides it.
  return settings.public(field.name)
