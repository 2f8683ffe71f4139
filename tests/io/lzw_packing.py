"""Packs bytes as the Unix command `compress` does, which is not on every machine."""

from __future__ import annotations


class Packer:
    """Writes codes, the lowest bits first, in groups of eight of one width."""

    def __init__(self, max_bits: int, clears: bool) -> None:
        self.max_bits = max_bits
        self.clears = clears
        self.bits = 9
        self._value = self._length = self._codes_in_group = 0

    def add(self, code: int, table_size: int) -> None:
        """Write a code; begin wider ones where the unpacker's table is full."""
        self._append(code, self.bits)
        self._codes_in_group += 1
        if table_size == 1 << self.bits and self.bits < self.max_bits:
            self._begin_group(self.bits + 1)

    def clear(self) -> None:
        """Write the code that empties the table."""
        self._append(256, self.bits)
        self._codes_in_group += 1
        self._begin_group(9)

    def content(self) -> bytes:
        """Return the whole file."""
        header = bytes([0x1F, 0x9D, self.max_bits | (128 if self.clears else 0)])
        return header + self._value.to_bytes((self._length + 7) // 8, "little")

    def _begin_group(self, bits: int) -> None:
        missing = -self._codes_in_group % 8
        self._append(0, missing * self.bits)
        self.bits, self._codes_in_group = bits, 0

    def _append(self, value: int, length: int) -> None:
        self._value |= value << self._length
        self._length += length


def pack_z(content: bytes, *, max_bits: int = 16, clears: bool = True, period: int = 0) -> bytes:
    """Return the bytes of a `.Z` file; the table is emptied each `period` strings, if above 0."""
    packer = Packer(max_bits, clears)
    first = 257 if clears else 256
    table: dict[bytes, int] = {bytes([value]): value for value in range(256)}
    size, string, written = first, b"", 0
    for value in content:
        longer = string + bytes([value])
        if longer in table:
            string = longer
            continue
        packer.add(table[string], size)
        written += 1
        if size < 1 << max_bits:
            table[longer] = size
            size += 1
        string = bytes([value])
        if period and clears and written % period == 0:
            packer.clear()
            table = {bytes([one]): one for one in range(256)}
            size = first
    if string:
        packer.add(table[string], size)
    return packer.content()
