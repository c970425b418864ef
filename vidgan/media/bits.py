"""Numbers out of bits, as the headers of H.264 and HEVC are written (ITU-T H.264, 7.2 and 9.1)."""


class Bits:
    """Reads from the first bit on; past the end there are only zeros."""

    def __init__(self, data: bytes) -> None:
        """`data` is a unit's payload; the bytes that keep start codes out of it are dropped."""
        plain = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(plain, "big")
        self._left = 8 * len(plain)

    def take(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        self._left -= count
        shift = self._left
        value = self._value >> shift if shift >= 0 else self._value << -shift
        return value & ((1 << count) - 1)

    def golomb(self) -> int:
        """An unsigned number by Exp-Golomb coding: n zeros, a one, n bits.

        Raises:
            ValueError: there are more zeros than a number of 32 bits has.
        """
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("not a number")
        return (1 << zeros) - 1 + self.take(zeros)

    def skip_golombs(self, count: int) -> None:
        """Pass over some of these numbers, signed or not."""
        for _ in range(count):
            self.golomb()

    def signed_golomb(self) -> int:
        """A signed one: 1, -1, 2, -2..."""
        number = self.golomb()
        return (number + 1) // 2 if number % 2 else -number // 2
