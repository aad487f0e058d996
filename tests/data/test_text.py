import doctest
import sys

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import text

PTB = {
  "train": " b a c \n a <unk> N\n a b \n",
  "valid": " c d \n",
  "test": " a \n b \n",
}


def write(folder, prefix="", **changed):
  folder.mkdir(exist_ok=True)
  for part, content in (PTB | changed).items():
    (folder / f"{prefix}{part}.txt").write_text(content, encoding="utf-8")
  return str(folder)


def words(dataset, part):
  return " ".join(dataset.vocabulary[i] for i in getattr(dataset, part))


def lines(num, word="line"):
  return "".join(f"{word} {i}\n" for i in range(num))


def test_examples_in_the_docstrings():
  result = doctest.testmod(text)
  assert result.attempted > 0
  assert result.failed == 0


@pytest.mark.parametrize("prefix", ["", "ptb."])
def test_ptb_by_hand(tmp_path, prefix):
  dataset = text.load("ptb", write(tmp_path, prefix))
  # By frequency (3, 3, 2, 1, 1, 1), then by the alphabet.
  assert dataset.vocabulary == ("<eos>", "a", "b", "<unk>", "N", "c")
  assert dataset.train.tolist() == [2, 1, 5, 0, 1, 3, 4, 0, 1, 2, 0]
  assert words(dataset, "valid") == "c <unk> <eos>"
  assert words(dataset, "test") == "a <eos> b <eos>"
  assert (dataset.eos, dataset.unk) == (0, 3)
  for part in (dataset.train, dataset.valid, dataset.test):
    assert part.dtype == np.int32 and part.ndim == 1


def test_the_vocabulary_is_of_the_training_part_alone(tmp_path):
  path = write(tmp_path, valid=" d d d d \n", test=" e e e e \n")
  assert not {"d", "e"} & set(text.load("ptb", path).vocabulary)


def test_a_small_vocabulary_keeps_the_most_frequent(tmp_path):
  path = write(tmp_path)
  dataset = text.load("ptb", path, 4)
  assert dataset.vocabulary == ("<eos>", "a", "b", "<unk>")
  assert words(dataset, "train") == (
    "b a <unk> <eos> a <unk> <unk> <eos> a b <eos>"
  )
  assert text.load("ptb", path, 6).vocabulary == (
    text.load("ptb", path).vocabulary
  )


def test_special_words_are_always_there(tmp_path):
  dataset = text.load("ptb", write(tmp_path, train=" a a a \n b b \n"), 3)
  assert dataset.vocabulary == ("a", "<eos>", "<unk>")


def test_ptb_counts_blank_lines_and_text_does_not(tmp_path):
  path = write(tmp_path, train="a\n \n\nb\n")
  assert words(text.load("ptb", path), "train") == (
    "a <eos> <eos> <eos> b <eos>"
  )
  assert words(text.load("text", path), "train") == "a <eos> b <eos>"


@pytest.mark.parametrize("ending", ["", "\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_ends_of_lines(tmp_path, newline, ending):
  write(tmp_path)
  content = newline.join(["a b", "c"]) + ending
  (tmp_path / "train.txt").write_bytes(content.encode())
  dataset = text.load("ptb", str(tmp_path))
  assert words(dataset, "train") == "a b <eos> c <eos>"


def test_a_byte_order_mark_is_no_word(tmp_path):
  write(tmp_path)
  (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbfa b\n")
  assert words(text.load("ptb", str(tmp_path)), "train") == "a b <eos>"


def test_a_text_is_split_by_lines(tmp_path):
  path = tmp_path / "book"
  path.write_text("\n\n" + lines(25).replace("\n", "\n\n"))
  dataset = text.load("text", str(path))
  assert dataset.train.size == 21 * 3
  assert words(dataset, "train").endswith("line 20 <eos>")
  # Numbers that the training part lacks.
  assert words(dataset, "valid") == "line <unk> <eos> line <unk> <eos>"
  assert words(dataset, "test") == "line <unk> <eos> line <unk> <eos>"


def test_a_folder_is_one_text(tmp_path):
  (tmp_path / "b.txt").write_text(lines(10, "b"))
  (tmp_path / "a.TXT").write_text(lines(10, "a"))
  (tmp_path / ".c.txt").write_bytes(b"\xff")
  (tmp_path / "d.md").write_bytes(b"\xff")
  dataset = text.load("text", str(tmp_path))
  found = words(dataset, "train").split()
  assert [w for w in found if w in "ab"] == ["a"] * 10 + ["b"] * 6


def test_words_of_a_text():
  line = "He said: \"It's 'fine'\" -- naïve_x, <unk> <eos>…\t日本 x'"
  assert (
    text.tokenize(text.TEXT_TOKEN, line)
    == (
      "He said : \" It's ' fine ' \" - - naïve_x , <unk> < eos > … 日本 x '"
    ).split()
  )


@pytest.mark.parametrize("token", [text.PTB_TOKEN, text.TEXT_TOKEN])
def test_tensorflow_reads_the_same_words(token):
  rng = np.random.default_rng(0)
  letters = [chr(i) for i in range(1, 128)] + list("äß\xa0\u2028語… '''<unk>")
  for _ in range(200):
    line = "".join(rng.choice(letters, 60)) + "a<unk>'b"
    spaced = tf.strings.regex_replace(line, f"({token})", r"\1 ")
    expected = [word.decode() for word in tf.strings.split(spaced).numpy()]
    assert text.tokenize(token, line) == expected


def test_pydoc_needs_nothing():
  dataset = text.load("pydoc", vocab_size=500)
  assert len(dataset.vocabulary) == 500
  assert {"the", "statement", "."} <= set(dataset.vocabulary)
  assert dataset.train.size > 20_000
  assert dataset.valid.size > 2000 and dataset.test.size > 2000
  assert np.mean(dataset.valid == dataset.unk) < 0.3
  # Lines that underline a heading are left out.
  for line in words(dataset, "train").split(" <eos>")[:-1]:
    assert any(map(str.isalpha, line)), line
  again = text.load("pydoc", vocab_size=500)
  np.testing.assert_array_equal(again.train, dataset.train)


def test_python_without_its_manual(monkeypatch):
  monkeypatch.setitem(sys.modules, "pydoc_data", None)
  with pytest.raises(errors.DataError, match="`data=text`"):
    text.load("pydoc")


@pytest.mark.parametrize("name", ["ptb", "text"])
def test_a_path_is_needed(name, tmp_path):
  with pytest.raises(errors.DataError, match="add `data_path=PATH`"):
    text.load(name)
  missing = tmp_path / "missing"
  with pytest.raises(errors.DataError, match=f"not exist.*{missing}"):
    text.load(name, str(missing))


def test_ptb_needs_its_files(tmp_path):
  path = write(tmp_path)
  (tmp_path / "valid.txt").unlink()
  for each in (path, str(tmp_path / "train.txt")):
    with pytest.raises(errors.DataError, match="ptb.train.txt.*train.txt"):
      text.load("ptb", each)


def test_a_folder_without_texts(tmp_path):
  (tmp_path / "a.md").write_text("a")
  with pytest.raises(errors.DataError, match="folder with .txt files"):
    text.load("text", str(tmp_path))


def test_not_utf_8(tmp_path):
  file = tmp_path / "a.txt"
  file.write_bytes(b"ab\xe4c\n")
  with pytest.raises(errors.DataError, match=rf"iconv.*{file} \(byte 2\)"):
    text.load("text", str(file))


@pytest.mark.parametrize("content", ["", "\n \n", "a\n", lines(9)])
def test_too_short(tmp_path, content):
  file = tmp_path / "a.txt"
  file.write_text(content)
  with pytest.raises(errors.DataError, match="at least 10 lines"):
    text.load("text", str(file))


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("content", ["", "\n", " \n"])
def test_an_empty_part_is_named(tmp_path, part, content):
  path = write(tmp_path, **{part: content})
  with pytest.raises(errors.DataError, match=f"The {part} part .* no words"):
    text.load("ptb", path)


def test_impossible_settings():
  with pytest.raises(errors.ConfigError, match="`vocab_size`"):
    text.load("pydoc", vocab_size=2)
  with pytest.raises(errors.ConfigError, match="ptb, text, pydoc"):
    text.load("wikitext")
