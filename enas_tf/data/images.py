"""Reads the image data set that a configuration names."""

from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from enas_tf import errors
from enas_tf.data import arrays, base, cifar, files, folder, mnist, npz

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


class Settings(Protocol):
  """Which images.

  Attributes:
    data: the name of the data set.
    data_path: a folder or file with the images, or None.
    image_size: height and width that those of a folder are resized to, in
      pixels; None takes the size of the first image.
    valid_fraction: fraction of the training images, the last ones, that are
      held out for the rewards of a search, in (0, 1).
    augment: "crop_flip", "crop", "none", or "auto": what suits the data set.
    normalize: whether channels have mean 0 and deviation 1; see `ImageDataset`.
  """

  data: str
  data_path: str | None
  image_size: int | None
  valid_fraction: float
  augment: str
  normalize: bool


class Images(NamedTuple):
  """A data set as it was read, before anything is held out.

  Attributes:
    name: of the data set.
    where: what error messages call the source.
    train: the training images.
    valid: the validation images, if the source has some of its own, or None.
    test: the test images, or None.
    class_names: the words of the classes.
    augment: "none", "crop" or "crop_flip".
    normalize: whether channels have mean 0 and deviation 1.
    needs_digest: whether nothing but its content tells it from another one.
  """

  name: str
  where: str
  train: base.Split
  valid: base.Split | None
  test: base.Split | None
  class_names: tuple[str, ...]
  augment: str
  normalize: bool
  needs_digest: bool

  @property
  def digests(self) -> dict[str, str]:
    """What tells the images from others, beside names and numbers."""
    if not self.needs_digest:
      return {}
    return {
      f"digest_{name}": split.digest()
      for name, split in (("train", self.train), ("valid", self.valid))
      if split is not None
    }


def load(
  settings: Settings,
  *,
  hold_out: bool,
  source: arrays.ImageSource | None = None,
  most_bytes: int | None = None,
) -> base.ImageDataset:
  """Returns the data set.

  Args:
    settings: which one, and where it lies.
    hold_out: split the last `valid_fraction` of the training images off as the
      validation split (a search); else all of them are for training.
    source: takes the place of what the settings name.
    most_bytes: see `folder.read`.

  Raises:
    DataError: if it cannot be had, or is damaged.
  """
  images = read(settings, source, most_bytes)
  return split(images, settings.valid_fraction if hold_out else None)


def read(
  settings: Settings,
  source: arrays.ImageSource | None = None,
  most_bytes: int | None = None,
) -> Images:
  """Returns all images of a data set.

  Args:
    settings: which one, and where it lies.
    source: takes the place of what the settings name.
    most_bytes: see `folder.read`.

  Raises:
    DataError: if it cannot be had, or is damaged.
  """
  name = settings.data
  where = errors.shorten(settings.data_path or name)
  if source is None:
    parts = _read(settings, most_bytes)
  else:
    name = where = "arrays"
    parts = arrays.read(source)
  names = parts.class_names or _CLASS_NAMES[name]
  base.check_names(names, where)
  splits = {
    part: _checked(getattr(parts, part), names, f"{where} ({word})")
    for part, word in base.PARTS.items()
    if getattr(parts, part) is not None
  }
  _check_alike(splits, where)
  return Images(
    name,
    where,
    splits["train"],
    splits.get("valid"),
    splits.get("test"),
    class_names=names,
    augment=_augmentation(name, settings),
    normalize=settings.normalize,
    needs_digest=source is not None
    or parts.valid is not None
    or not isinstance(splits["train"], base.ArraySplit),
  )


def _augmentation(name: str, settings: Settings) -> str:
  """Returns the word of a kind of augmentation that is not "auto"."""
  if settings.augment == "auto":
    return _AUGMENT.get(name, "crop_flip")
  return settings.augment


def fed_by(images: Images, settings: Settings) -> Images:
  """Returns the same images, augmented and normalized by other settings.

  Args:
    images: that were read.
    settings: `augment` and `normalize` are looked at.
  """
  return images._replace(
    augment=_augmentation(images.name, settings), normalize=settings.normalize
  )


def _checked(
  part: base.Split | tuple[Any, Any],
  class_names: tuple[str, ...],
  where: str,
) -> base.Split:
  """Returns a split that comes from outside."""
  if isinstance(part, base.Split):
    base.check_shape((len(part), *part.image_shape), where)
    return part
  return base.checked(*part, class_names, where)


def _check_alike(splits: dict[str, base.Split], where: str) -> None:
  """Raises DataError if the splits have different sizes, or only one class."""
  train = splits["train"]
  if train.labels.min() == train.labels.max():
    raise errors.DataError(
      f"All training images of {where} are of one class, so there is nothing "
      "to learn: give images of two classes or more. Received: "
      f"label={train.labels[0]}, images={len(train)}"
    )
  for part, word in base.PARTS.items():
    other = splits.get(part, train)
    if train.image_shape != other.image_shape:
      raise errors.DataError(
        f"The training and the {word} images of {where} must have one size. "
        f"Received: {train.image_shape} and {other.image_shape}"
      )


def split(images: Images, valid_fraction: float | None) -> base.ImageDataset:
  """Returns a data set whose last training images may be held out.

  Args:
    images: all of them.
    valid_fraction: fraction of the training images that becomes the validation
      split, in (0, 1), if there is none; None leaves them.

  Raises:
    DataError: if nothing is left for one of the two.
  """
  train, valid = images.train, images.valid
  if valid is None and valid_fraction is not None:
    num_valid = int(len(train) * valid_fraction + 0.5)
    if not 0 < num_valid < len(train):
      raise errors.DataError(
        f"Of the training images of {images.where}, `valid_fraction` leaves "
        "none for the validation or none for the training: change it, or give "
        f"more images. Received: valid_fraction={valid_fraction}, "
        f"images={len(train)}, for validation={num_valid}"
      )
    train, valid = train[:-num_valid], train[-num_valid:]
  return base.ImageDataset(
    images.name,
    train,
    valid,
    images.test,
    images.class_names,
    *_moments(train, images.normalize),
    images.augment,
  )


def _read(data: Settings, most_bytes: int | None) -> base.Parts:
  if data.data == "arrays":
    raise errors.DataError(
      "The images of this run are arrays of a program: go on with it there, by "
      "enas_tf.Search(data=..., output_dir=...). Received: data=arrays"
    )
  path = None if data.data_path is None else files.existing(data.data_path)
  if data.data == "digits":
    return _digits()
  if data.data == "folder":
    if path is None or not path.is_dir():
      raise errors.DataError(
        "`data=folder` needs a folder with a subfolder for each class: correct "
        f"`data_path`. Received: data_path={errors.shorten(path)}"
      )
    return folder.read(path, data.image_size, most_bytes)
  if path is None:
    train, test = _download(data.data)
    return base.Parts(train, None, test, None)
  if path.suffix == ".npz":
    return npz.read(path)
  if data.data.startswith("cifar"):
    train, test, names = cifar.read(data.data, path)
    return base.Parts(train, None, test, names)
  train, test = mnist.read(path)
  return base.Parts(train, None, test, None)


def _download(name: str) -> tuple[Any, Any]:
  try:
    return getattr(keras.datasets, name).load_data()
  except Exception as error:  # What a download raises depends on the network.
    raise errors.DataError(
      f"{name} could not be downloaded. Download it elsewhere (keras.datasets"
      f".{name} names the address) and add `data_path=PATH`, its folder, "
      "archive or .npz file; or try `data=digits`, which needs no download. "
      f"Received: {errors.shorten(str(error) or repr(error))}"
    ) from error


def _digits() -> base.Parts:
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
  return base.Parts(
    train=(images[num_test:], labels[num_test:]),
    valid=None,
    test=(images[:num_test], labels[:num_test]),
    class_names=_CLASS_NAMES["mnist"],
  )


def _moments(
  split: base.Split, normalize: bool
) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and deviation of each channel, pixels in [0, 1].

  They are 0 and 1 where these are not to be normalized.
  """
  if not normalize:
    channels = split.image_shape[-1]
    return np.zeros(channels, "f4"), np.ones(channels, "f4")
  levels = np.arange(256)
  counts = np.zeros((split.image_shape[-1], 256), np.int64)
  for images in split.sample():
    for channel, found in enumerate(counts):
      found += np.bincount(images[..., channel].ravel(), minlength=256)
  mean = np.array([np.average(levels, weights=each) for each in counts])
  variance = [
    np.average((levels - middle) ** 2, weights=each)
    for middle, each in zip(mean, counts, strict=True)
  ]
  # A channel that never changes must not be divided by zero.
  std = np.array([np.sqrt(each) or 255.0 for each in variance])
  return (mean / 255).astype("f4"), (std / 255).astype("f4")
