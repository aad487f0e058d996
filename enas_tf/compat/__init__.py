"""What the original ENAS code and enas_lm wrote: variables and checkpoints.

loaded = compat.load_model("outputs", arc=arc, image_size=32)
loaded.model
"""

from enas_tf.compat.loading import Loaded, load_model

__all__ = ["Loaded", "load_model"]
