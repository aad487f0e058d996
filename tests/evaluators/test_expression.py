import math

import pytest

from enas_tf import errors
from enas_tf.evaluators import expression

VALUES = {"accuracy": 0.8, "macs": 6e8, "x": -2.0}


@pytest.mark.parametrize(
  ("text", "value"),
  [
    ("accuracy*(macs/3e8)^-0.07", 0.8 * 2**-0.07),
    ("2 ^ 3 ^ 2", 512.0),
    ("-2^2", -4.0),
    ("1 - 2 - 3", -4.0),
    ("8 / 2 / 2", 2.0),
    ("+accuracy - -x", -1.2),
    ("min(accuracy, 1, 0.5) + max(x, 0)", 0.5),
    ("abs(x) + sqrt(4) + exp(0) + log(1)", 5.0),
    (" 1 ", 1.0),
  ],
)
def test_values(text, value):
  assert expression.Expression(text)(VALUES) == pytest.approx(value)


def test_names():
  formula = expression.Expression("accuracy + log(macs) - accuracy")
  assert formula.names == {"accuracy", "macs"}
  assert expression.Expression("1").names == set()


@pytest.mark.parametrize(
  "text", ["1 / 0", "log(0)", "sqrt(x)", "x ^ 0.5", "exp(1000)", "10.0^1000"]
)
def test_what_has_no_value_is_not_a_number(text):
  assert math.isnan(expression.Expression(text)(VALUES))


@pytest.mark.parametrize(
  "text",
  [
    "",
    "accuracy +",
    "accuracy macs",
    "accuracy; macs",
    "__import__('os')",
    "().__class__",
    "accuracy.real",
    "accuracy[0]",
    "[1, 2]",
    "'a' * 3",
    "True",
    "1j",
    "a if b else c",
    "a < b",
    "a and b",
    "lambda: 1",
    "(x := 1)",
    "log(1, 2)",
    "min(1)",
    "log(x=1)",
    "pow(1, 2)",
    "accuracy % 2",
    "accuracy // 2",
    "not x",
    "~1",
    "x\n+1\n\n2",
    "1\0",
    "(" * 400,
    "-" * 400 + "1",
    "1" * 501,
  ],
)
def test_what_is_no_formula(text):
  with pytest.raises(errors.ConfigError, match="`reward` is a formula") as info:
    expression.Expression(text)
  assert len(str(info.value)) < 1000
