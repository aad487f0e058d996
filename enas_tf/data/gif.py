"""How much memory a GIF takes; TensorFlow bounds all other formats itself."""

import struct

_EXTENSION, _FRAME = 0x21, 0x2C


def unpacked_bytes(content: bytes) -> int:
  """Returns the bytes of its picture and of the pixels of all its frames.

  What cannot be read is not counted: it ends the decoding, too.

  Args:
    content: of a GIF file.
  """
  try:
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    return 3 * width * height + _pixels(content, 13 + _palette(flags))
  except (IndexError, struct.error):
    return 0


def _pixels(content: bytes, position: int) -> int:
  pixels = 0
  while position < len(content):
    if content[position] == _FRAME and position + 10 <= len(content):
      width, height, flags = struct.unpack_from("<HHB", content, position + 5)
      pixels += width * height
      position += 11 + _palette(flags)
    elif content[position] == _EXTENSION:
      position += 2
    else:
      break
    while (
      position < len(content) and content[position]
    ):  # Blocks of up to 255 bytes.
      position += 1 + content[position]
    position += 1
  return pixels


def _palette(flags: int) -> int:
  """Returns the bytes of the colors that follow."""
  return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
