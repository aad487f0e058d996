"""Which data, and how they are fed."""

import dataclasses

from enas_tf.settings import fields

IN_PYTHON = "arrays"  # The word for data that a program hands over.
IMAGES = (
  "cifar10",
  "cifar100",
  "mnist",
  "fashion_mnist",
  "digits",
  "folder",
  IN_PYTHON,
)
TEXTS = ("ptb", "text", "pydoc", IN_PYTHON)
AUGMENTATIONS = ("auto", "none", "crop", "crop_flip")
_PATH = (
  "a folder or file with the data; without it they are downloaded, where they "
  "can be"
)


@dataclasses.dataclass(frozen=True)
class ImageData(fields.Settings):
  """Which images, and how they are fed."""

  data: str = fields.setting(
    "cifar10", "the data set", choices=IMAGES, matters=True
  )
  data_path: str | None = fields.setting(None, _PATH, matters=True)
  image_size: int | None = fields.setting(
    None,
    "height and width that the images of `data=folder` are resized to; without "
    "it, those of the first image",
    at_least=8,
    unit="pixels",
  )
  valid_fraction: float = fields.setting(
    0.1,
    "fraction of the training images, the last ones, that a search holds out "
    "for the rewards, unless the data have a validation split of their own",
    above=0,
    below=1,
  )
  augment: str = fields.setting(
    "auto",
    "crop_flip pads images by an eighth, crops and mirrors them at random; "
    "auto does what suits the data set",
    choices=AUGMENTATIONS,
    searchable=True,
  )
  normalize: bool = fields.setting(
    True,
    "whether each channel has mean 0 and deviation 1; if not, pixels are from "
    "0 to 1",
    searchable=True,
  )
  eval_batch_size: int = fields.setting(
    100, "images in a batch of an evaluation", at_least=1, changeable=True
  )

  def check(self) -> None:
    super().check()
    self.require(
      self.data != "folder" or self.data_path is not None,
      "`data=folder` reads images of your own: add `data_path=DIR`, a folder "
      "with a subfolder for each class.",
      "data_path",
    )
    self.require(
      self.data != "digits" or self.data_path is None,
      "`data=digits` lies inside scikit-learn: take {data_path} away.",
      "data_path",
    )
    self.require(
      self.image_size is None or self.data == "folder",
      "{image_size} is for `data=folder`, the other data sets have a size of "
      "their own: take it away.",
      "image_size",
    )


@dataclasses.dataclass(frozen=True)
class TextData(fields.Settings):
  """Which text, and how it is cut into words."""

  data: str = fields.setting(
    "pydoc", "the data set", choices=TEXTS, matters=True
  )
  data_path: str | None = fields.setting(None, _PATH, matters=True)
  vocab_size: int = fields.setting(
    10_000,
    "words of `data=text` and pydoc that are told apart; the others are <unk>",
    at_least=10,
  )

  def check(self) -> None:
    super().check()
    self.require(
      self.data not in ("ptb", "text") or self.data_path is not None,
      "`data=ptb` and `data=text` need {data_path}: the folder of "
      "ptb.train.txt and the others, or a text file or a folder of them. Or "
      "try `data=pydoc`, which needs none.",
      "data",
    )
    self.require(
      self.data != "pydoc" or self.data_path is None,
      "`data=pydoc` is the text inside of Python: take {data_path} away.",
      "data_path",
    )
