import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import base


def images(*shape, dtype=np.uint8):
  return np.zeros(shape, dtype)


def test_checked_gives_channels_and_flat_labels():
  split = base.checked(images(3, 4, 6), [[0], [2], [1]], "abc", "X")
  assert split.images.shape == (3, 4, 6, 1)
  assert split.labels.tolist() == [0, 2, 1]
  assert split.labels.dtype == np.int32
  assert len(split[1:]) == 2 and split[1:].labels.tolist() == [2, 1]


@pytest.mark.parametrize(
  "pixels,labels,message",
  [
    (images(2, 8, 8, 3, dtype=np.float32), [0, 1], "0 to 255"),
    (images(2, 64), [0, 1], "must have the shape"),
    (images(2, 3, 8, 3), [0, 1], "at least 4 pixels"),
    (images(2, 8, 8, 3), [0], "as many labels"),
    (images(0, 8, 8, 3), [], "at least one"),
    (images(2, 8, 8, 3), [0, -1], "whole numbers from 0"),
    (images(2, 8, 8, 3), [0.0, 1.0], "whole numbers from 0"),
    (images(2, 8, 8, 3), ["cat", "dog"], "whole numbers from 0"),
    (images(2, 8, 8, 3), [0, 2], "too high for its 2 classes"),
    (images(2, 8, 8, 3), [0, 2**40], "too high for its 2 classes"),
  ],
)
def test_checked_refuses(pixels, labels, message):
  with pytest.raises(errors.DataError, match=f"{message}.*Received: "):
    base.checked(pixels, labels, ("a", "b"), "X (training)")
