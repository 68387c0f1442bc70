"""What files say of the instrument: a row for each channel of each layout, as MIFlowCyt asks for it.

Only keywords that describe a detector are read. Those that name people, places or specimens ($OP, $SRC, $SMNO, $INST,
$FIL, comments) are not, whatever they hold.

References
----------
.. [1] Lee JA, et al. MIFlowCyt: the minimum information about a flow cytometry experiment. Cytometry A 2008;73:926-930.
.. [2] Spidlen J, et al. Data file standard for flow cytometry, version FCS 3.1. Cytometry A 2010;77:97-100.
"""

from collections.abc import Mapping
from typing import Any

from gating import FCSMetadata

__all__ = ["CHANNEL_COLUMNS", "channel_rows"]

_DETECTOR = {
    "range": "R",
    "amplification": "E",
    "gain": "G",
    "voltage": "V",
    "filter": "F",
    "excitation_nm": "L",
    "power_mw": "O",
}
"""Column to the letter of its keyword: $P3V is the voltage of the third parameter."""
CHANNEL_COLUMNS = ("layout", "samples", "cytometer", "channel", "marker", *_DETECTOR)


def channel_rows(metadata: Mapping[str, FCSMetadata]) -> list[dict[str, Any]]:
    """Return the channels of every layout; files that say the same share one.

    Parameters
    ----------
    metadata
        Of each sample.

    Returns
    -------
    list of dict
        ``CHANNEL_COLUMNS``: ``layout`` counts from 1, that of most samples first; ``samples`` have it; a cell is empty
        where the file does not say. Values are those of the keywords, as text.
    """
    layouts: dict[tuple[tuple[str, ...], ...], int] = {}
    for one in metadata.values():
        key = tuple(_described(one, i) for i in range(len(one.channels)))
        layouts[key] = layouts.get(key, 0) + 1
    ranked = sorted(layouts.items(), key=lambda item: (-item[1], item[0]))
    return [
        dict(zip(CHANNEL_COLUMNS, (number, samples, *channel), strict=True))
        for number, (channels, samples) in enumerate(ranked, start=1)
        for channel in channels
    ]


def _described(metadata: FCSMetadata, i: int) -> tuple[str, ...]:
    """Return one channel: cytometer, name, marker, and what its keywords say."""
    channel, keywords = metadata.channels[i], metadata.keywords
    said = (keywords.get(f"$P{i + 1}{letter}", "").strip() for letter in _DETECTOR.values())
    return (keywords.get("$CYT", "").strip(), channel.name, channel.marker, *said)
