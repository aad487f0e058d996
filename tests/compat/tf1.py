"""Writes checkpoints as TF1's Saver does."""

import numpy as np
import tensorflow as tf

# What the original's and enas_lm's checkpoints hold beside weights.
BOOKKEEPING = {
  "global_step": np.int64(3),
  "Variable": np.float32(0.5),
  "beta1_power": np.float32(0.1),
}


def save(prefix, variables) -> str:
  """Writes variables by name, and the file that names the newest."""
  names = [name.removesuffix(":0") for name in variables]
  tf.raw_ops.SaveV2(
    prefix=str(prefix),
    tensor_names=names,
    shape_and_slices=[""] * len(names),
    tensors=[tf.constant(np.asarray(value)) for value in variables.values()],
  )
  state = prefix.parent / "checkpoint"
  state.write_text(f'model_checkpoint_path: "{prefix.name}"\n')
  return str(prefix)
