"""The checksum that FCS 3 may end a dataset with: 16 bits by the polynomial of CCITT, in eight characters.

The standard leaves open where the sum starts and how it is written, so that four readings of it are accepted; most
writers leave it out, which eight zeros say.
"""

import binascii
import re

from gating.fcs.datasets import Dataset
from gating.fcs.extent import CRC_BYTES
from gating.fcs.layout import Layout
from gating.fcs.repairs import Repair
from gating.fcs.text import Segment, optional_number

__all__ = ["checksum_warnings", "last_byte"]

CHUNK = 1 << 20
STARTS = (0x0000, 0xFFFF)


def checksum_warnings(dataset: Dataset, layout: Layout, where: str) -> tuple[Repair, ...]:
    """Say that the checksum of a dataset is not that of its bytes.

    The bytes are read only if there is a checksum.
    """
    end = last_byte(dataset, layout, where)
    field = dataset.read(Segment(end + 1, end + CRC_BYTES))
    written = field.strip().decode("latin-1")
    if len(field) < CRC_BYTES or not re.fullmatch(r"[0-9A-Fa-f]{1,8}", written) or not written.strip("0"):
        return ()
    dataset.file.seek(dataset.begin)
    sums, left = list(STARTS), end + 1
    while left > 0 and (chunk := dataset.file.read(min(CHUNK, left))):
        sums = [binascii.crc_hqx(chunk, each) for each in sums]
        left -= len(chunk)
    if int(written, 16) in sums or (written.isdecimal() and int(written) in sums):
        return ()
    listed = " or ".join(f"{each:04X}" for each in sums)
    found = f"The checksum is {written}, that of the bytes is {listed}; the file was changed or damaged since."
    return (Repair("checksum", found),)


def last_byte(dataset: Dataset, layout: Layout, where: str) -> int:
    """Return the last byte of the last segment, counted from the begin of the dataset."""
    keywords = dataset.text.keywords
    ends = [optional_number(keywords, keyword, where, "a byte offset") for keyword in ("$ENDSTEXT", "$ENDANALYSIS")]
    inside = [end for end in ends if end < dataset.size]
    return max(dataset.header.text.end, layout.end - dataset.begin - 1, *inside, 0)
