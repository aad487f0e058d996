"""The macro recipe with channel ranges.

The original's --nocontroller_search_whole_channels.
"""

import dataclasses

from enas_tf.recipes.macro import settings as macro

RECIPE = dataclasses.replace(
  macro.RECIPE,
  name="macro_channels",
  help="networks whose layers join a range of channels of every operation",
  parts="enas_tf.recipes.macro_channels.parts:MacroChannels",
)
