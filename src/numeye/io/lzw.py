"""Unpacks `.Z` files, which the Unix command `compress` makes (Welch 1984, "LZW")."""

from __future__ import annotations

import zlib

from numeye.io import file_limits

MAGIC = b"\x1f\x9d"
FIRST_BITS = 9  # of a code
CLEAR = 256  # the code that empties the table


def unpack_z(packed: bytes, limit: int) -> bytes:
    """Return what `compress` packed.

    Args:
        packed: all bytes of the file.
        limit: the most bytes that may come out.

    Raises:
        TooLarge: more bytes come out.
        zlib.error: it is damaged, or `compress` did not pack it. A file whose end is missing is
            not noticed, since the format does not say where it ends.
    """
    if not packed.startswith(MAGIC) or len(packed) < 3 or not 10 <= packed[2] & 31 <= 16:
        raise zlib.error("not packed by compress")
    max_bits, has_clear = packed[2] & 31, bool(packed[2] & 128)
    content, table, before = bytearray(), _new_table(has_clear), b""
    reader = _CodeReader(packed)
    while (code := reader.next()) is not None:
        if code == CLEAR and has_clear:
            table, before = _new_table(has_clear), b""
            reader.set_bits(FIRST_BITS)
            continue
        if code > len(table) or (code == len(table) and not before) or (code >= 256 and not before):
            raise zlib.error(f"damaged: code {code} comes too early")
        entry = table[code] if code < len(table) else before + before[:1]
        content += entry
        if len(content) > limit:
            raise file_limits.TooLarge(None, limit)
        if before and len(table) < 1 << max_bits:
            table.append(before + entry[:1])
        if len(table) == 1 << reader.bits and reader.bits < max_bits:
            reader.set_bits(reader.bits + 1)
        before = entry
    return bytes(content)


def _new_table(has_clear: bool) -> list[bytes]:
    """Return the strings of the first codes."""
    return [bytes([value]) for value in range(256)] + ([b""] if has_clear else [])


class _CodeReader:
    """Reads codes, the lowest bits first.

    Codes come in groups of eight. A change of their width leaves out the rest of a group.
    """

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.bits = FIRST_BITS
        self._group_start = self._position = 24  # in bits; the header has three bytes

    def next(self) -> int | None:
        """Return the next code; None at the end."""
        end = self._position + self.bits
        if end > 8 * len(self.packed):
            return None
        first = self._position // 8
        window = int.from_bytes(self.packed[first : first + 4], "little")
        code = (window >> self._position % 8) & ((1 << self.bits) - 1)
        self._position = end
        return code

    def set_bits(self, bits: int) -> None:
        """Go to the end of the group, and read wider or narrower codes from there on."""
        group_bits = 8 * self.bits
        read_bits = self._position - self._group_start
        self._position += -read_bits % group_bits
        self._group_start, self.bits = self._position, bits
