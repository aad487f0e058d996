"""Reads the image data set that a configuration names."""

import keras
import numpy as np

from enas_tf import config, errors
from enas_tf.data import base, cifar, files, folder, mnist, npz

_FASHION = (
  "t-shirt",
  "trouser",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "ankle boot",
)
_CIFAR10 = (
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
)
_CLASS_NAMES = {
  "cifar10": _CIFAR10,
  "cifar100": tuple(map(str, range(100))),
  "fashion_mnist": _FASHION,
  "mnist": tuple("0123456789"),
}
# A mirrored digit is another sign.
_AUGMENT = {"mnist": "crop", "digits": "crop"}


def load(data: config.DataConfig, *, hold_out: bool) -> base.ImageDataset:
  """Returns the data set.

  Args:
    data: which one, and where it lies.
    hold_out: split the last `valid_fraction` of the training images off as the
      validation split (a search); else all of them are for training.

  Raises:
    DataError: if it cannot be had, or is damaged.
  """
  train, test, names = _read(data)
  names = names or _CLASS_NAMES[data.data]
  where = errors.shorten(data.data_path or data.data)
  base.check_names(names, where)
  train = base.checked(*train, names, f"{where} (training)")
  test = base.checked(*test, names, f"{where} (test)")
  if train.labels.min() == train.labels.max():
    raise errors.DataError(
      f"All training images of {where} are of one class, so there is nothing "
      "to learn: give images of two classes or more. Received: "
      f"label={train.labels[0]}, images={len(train)}"
    )
  if train.images.shape[1:] != test.images.shape[1:]:
    raise errors.DataError(
      f"The training and the test images of {where} must have one size. "
      f"Received: {train.images.shape[1:]} and {test.images.shape[1:]}"
    )
  valid = None
  if hold_out:
    num_valid = int(len(train) * data.valid_fraction + 0.5)
    if not 0 < num_valid < len(train):
      raise errors.DataError(
        f"Of the training images of {where}, `valid_fraction` leaves none for "
        "the validation or none for the training: change it, or give more "
        f"images. Received: valid_fraction={data.valid_fraction}, "
        f"images={len(train)}, for validation={num_valid}"
      )
    train, valid = train[:-num_valid], train[-num_valid:]
  mean, std = _moments(train.images)
  augment = data.augment
  if augment == "auto":
    augment = _AUGMENT.get(data.data, "crop_flip")
  return base.ImageDataset(
    data.data, train, valid, test, names, mean, std, augment
  )


def _read(data: config.DataConfig):
  path = None if data.data_path is None else files.existing(data.data_path)
  if data.data == "digits":
    return _digits()
  if data.data == "folder":
    if not path.is_dir():
      raise errors.DataError(
        "`data=folder` needs a folder with a subfolder for each class: correct "
        f"`data_path`. Received: data_path={errors.shorten(path)}"
      )
    return folder.read(path, data.image_size)
  if path is None:
    return *_download(data.data), None
  if path.suffix == ".npz":
    return npz.read(path)
  if data.data.startswith("cifar"):
    return cifar.read(data.data, path)
  return *mnist.read(path), None


def _download(name: str):
  try:
    return getattr(keras.datasets, name).load_data()
  except Exception as error:  # What a download raises depends on the network.
    raise errors.DataError(
      f"{name} could not be downloaded. Download it elsewhere (keras.datasets"
      f".{name} names the address) and add `data_path=PATH`, its folder, "
      "archive or .npz file; or try `data=digits`, which needs no download. "
      f"Received: {errors.shorten(str(error) or repr(error))}"
    ) from error


def _digits():
  try:
    from sklearn import datasets  # An optional extra, and slow to import.
  except ImportError as error:
    raise errors.DataError(
      "`data=digits` reads the digits inside scikit-learn: run pip install "
      f"'enas_tf[demo]'. Received: {error}"
    ) from error
  digits = datasets.load_digits()
  images = np.round(digits.images * (255 / 16)).astype(np.uint8)
  order = np.random.default_rng(0).permutation(len(images))
  images, labels = images[order], digits.target[order]
  num_test = len(images) // 5
  return (
    (images[num_test:], labels[num_test:]),
    (images[:num_test], labels[:num_test]),
    tuple("0123456789"),
  )


def _moments(images: np.ndarray):
  """Returns mean and deviation of each channel, pixels in [0, 1]."""
  levels = np.arange(256)
  mean, std = [], []
  for channel in range(images.shape[-1]):
    # In parts: NumPy makes 8 bytes of each pixel to count it.
    counts = sum(
      np.bincount(part[..., channel].ravel(), minlength=256)
      for part in np.array_split(images, -(-len(images) // 1000))
    )
    mean.append(np.average(levels, weights=counts))
    variance = np.average((levels - mean[-1]) ** 2, weights=counts)
    # A channel that never changes must not be divided by zero.
    std.append(np.sqrt(variance) or 255.0)
  return (np.array(mean) / 255).astype("f4"), (np.array(std) / 255).astype("f4")
