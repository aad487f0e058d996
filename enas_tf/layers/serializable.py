"""All layers that a saved child may be made of: importing it registers them."""

from enas_tf.layers import (  # noqa: F401
  conv,
  dropouts,
  heads,
  language,
  norm,
  regularize,
)
