"""The files of a case on a real kernel, as the reference model has them."""

from __future__ import annotations

from collections.abc import Mapping

from models.reference import Reference


class Files:
    """What a target says of files, whose ``reference`` hears of all of them."""

    reference: Reference

    def file_sizes(self) -> Mapping[int, int]:
        """How many blocks each file has."""
        return {number: len(file.blocks) for number, file in self.reference.files.items()}

    def has_file(self, number: int) -> bool:
        """Whether there is such a file."""
        return number in self.reference.files

    def is_inside(self, number: int, block: int, blocks: int) -> bool:
        """Whether a file has these blocks."""
        return self.has_file(number) and block + blocks <= len(self.reference.files[number].blocks)
