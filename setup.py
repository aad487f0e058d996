"""Builds the package; pyproject.toml holds the facts.

The flagfiles of flags/ are part of it, as enas_tf/flagfiles/.
"""

import setuptools

setuptools.setup(
  packages=[
    *setuptools.find_packages(include=["enas_tf", "enas_tf.*"]),
    "enas_tf.flagfiles",
  ],
  package_dir={"enas_tf.flagfiles": "flags"},
  package_data={"enas_tf": ["py.typed"], "enas_tf.flagfiles": ["*.flags"]},
)
