"""One room for each search space: settings, space, networks and policy.

A space becomes searchable by a folder of this kind and its line here.
"""

from enas_tf.recipes import base
from enas_tf.recipes.macro import settings as macro
from enas_tf.recipes.macro_channels import settings as macro_channels
from enas_tf.recipes.micro import settings as micro
from enas_tf.recipes.rnn import settings as rnn
from enas_tf.recipes.table import settings as table

for _each in (micro, macro, macro_channels, rnn, table):
  base.register(_each.RECIPE)
