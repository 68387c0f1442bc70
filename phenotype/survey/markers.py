"""Which channel carries each marker of the default tree, and what a name of a marker or dye means in a panel."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gating import Channel, GatingError, find_channel, marker_in, parse_template
from phenotype.subsets import DEFAULT_TEMPLATE
from phenotype.survey.folder import Tube

__all__ = ["Carried", "carried", "named_markers", "panel_names", "tree_markers", "vocabularies"]

Names = tuple[tuple[str, str], ...]
"""Detector and marker of each channel of a panel."""

_HINTS = {
    "FSC-A": r"fsc|fs( int)?( lin)?|fsc[- _]?(area|int)",
    "FSC-H": r"fsc[- _]?(height|peak)|fs peak( lin)?",
    "Viability": r".*(live ?/? ?dead|\bl/?d\b|zombie|viab|\baqua\b|7-?aad|\bdapi\b|\bfvs|\bfvd|ghost|hoechst|sytox"
    r"|fixable|propidium|\bpi\b|helix nir|draq7).*",
    "CAR": r".*((?<![a-z])car(?![a-z])|bcma|fmc63|egfrt|\begfr\b|protein ?-?l\b|idiotyp|scfv|f\(ab).*",
    "CD3": r".*\bcd3( ?e|[- ]?epsilon|ε)\b.*",
    "CD4": r".*\bcd4a?\b.*",
    "CD8": r".*\bcd8([ab]|[- ]?(alpha|beta)|α|β)\b.*",
    "CD62L": r".*\b([ls]-?selectin|sell)\b.*",
    "CD45RA": r".*\bcd45[ ._-]ra\b.*",
}
"""What files call the markers of the tree, beside their own names; each fits a whole label, lower case."""
_TANDEM = re.compile(r"cy\d*|fire|vio.*|h7|r7\d\d|dazzle|cf594|texas|tr|alexa|af\d+|ef.*|efluor|eflour|cp|tx.*")
"""Words behind PE, APC or PerCP that make them another dye."""
_SINGLE_DYES = ("pe", "apc", "percp")
_PULSE = re.compile(r"[ _-](a|h|w|area|height|width|log|lin)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Carried:
    """How a panel carries one marker of the tree."""

    marker: str
    channel: str = ""
    """Label and detector of the channel that carries it; empty if none, or more than one could."""
    alias: str = ""
    """What the files call it, where they do not call it as the tree does."""
    candidates: tuple[str, ...] = ()
    """Labels of the channels that could, where more than one could."""
    optional: bool = False
    """Whether the tree does without."""


@lru_cache(maxsize=1)
def tree_markers() -> Mapping[str, bool]:
    """Return the markers of the default tree, and whether it does without each."""
    needed: dict[str, bool] = {}
    for row in parse_template(DEFAULT_TEMPLATE).rows:
        for marker in row.channels:
            needed[marker] = needed.get(marker, True) and row.optional
    return needed


@lru_cache(maxsize=4096)
def carried(names: Names) -> tuple[Carried, ...]:
    """Return how a panel carries each marker of the tree."""
    channels = tuple(Channel(*name) for name in names)
    return tuple(_carried(marker, optional, channels) for marker, optional in tree_markers().items())


def _carried(marker: str, optional: bool, channels: Sequence[Channel]) -> Carried:
    """Find a marker by its name, else by what files are known to call it."""
    try:
        found = channels[find_channel(channels, marker, {}, "panel")]
    except GatingError:
        found = None
    if found and (found.kind != "scatter" or _plain(found.name) == _plain(marker)):
        return Carried(marker, _both(found), optional=optional)
    hinted = _hinted(marker, channels)
    if len(hinted) == 1:
        name = hinted[0].marker or hinted[0].name
        return Carried(marker, _both(hinted[0]), alias=name, optional=optional)
    return Carried(marker, candidates=tuple(map(_both, hinted)), optional=optional)


def _hinted(marker: str, channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels that a marker could be on: by label, or for scatter by detector; areas before heights."""
    hint, scatter = re.compile(_HINTS.get(marker, r"(?!)")), marker.startswith("FSC")
    found = [c for c in channels if (c.kind == "scatter") == scatter and _fits(hint, c, scatter)]
    if not scatter:
        found += [c for c in channels if _same(marker, c) and c not in found]
    areas = [c for c in found if c.name.endswith("-A")]
    detectors = {_PULSE.sub("", c.name) for c in found}
    return areas[:1] if len(detectors) == 1 and areas else found


def _fits(hint: re.Pattern[str], channel: Channel, scatter: bool) -> bool:
    label = channel.name if scatter else channel.marker
    return bool(label) and hint.fullmatch(re.sub(r"[_:;|]", " ", label.casefold())) is not None


def _same(marker: str, channel: Channel) -> bool:
    """Whether a channel carries the marker by name: the rule found more than one such channel."""
    return marker_in(marker) in {marker_in(channel.marker), marker_in(channel.name)}


def _both(channel: Channel) -> str:
    return channel.name if channel.marker in {"", channel.name} else f"{channel.marker} ({channel.name})"


@lru_cache(maxsize=4096)
def vocabulary(names: Names) -> Mapping[str, str]:
    """Return what each name of a marker or dye, plain, stands for in a panel: the marker to be written in a sheet.

    A channel is called by its marker, by a dye within its label, by its detector; the tree's marker is written where it
    carries one. A name of two channels is left out.
    """
    found: dict[str, set[str]] = {}
    tree = {one.channel: one.marker for one in carried(names) if one.channel}
    for name, marker in names:
        channel = Channel(name, marker)
        if channel.kind != "fluorescence":
            continue
        written = tree.get(_both(channel), marker or name)
        keys = {marker_in(marker), _dye(marker), _plain_dye(_PULSE.sub("", name)), _plain(written)}
        for key in keys - {""}:
            found.setdefault(key, set()).add(written)
    return {key: written.pop() for key, written in found.items() if len(written) == 1}


def vocabularies(tubes: Sequence[Tube]) -> list[Mapping[str, str]]:
    """Return for each tube what names of markers stand for: in its own panel, else in all panels that agree.

    The label of a channel is often missing in the very tube that is its control.
    """
    panels = {panel_names(tube.channels) for tube in tubes}
    meanings: dict[str, set[str]] = {}
    for names in panels:
        for key, written in vocabulary(names).items():
            if written not in _unlabelled(names):
                meanings.setdefault(key, set()).add(written)
    shared = {key: written.pop() for key, written in meanings.items() if len(written) == 1}
    merged = {}
    for names in panels:
        own, bare = vocabulary(names), _unlabelled(names)
        merged[names] = shared | {
            key: written for key, written in own.items() if key not in shared or written not in bare
        }
    return [merged[panel_names(tube.channels)] for tube in tubes]


def _unlabelled(names: Names) -> set[str]:
    return {name for name, marker in names if not marker}


def named_markers(words: tuple[str, ...], known: Mapping[str, str]) -> frozenset[str]:
    """Return the markers that words name, each word used once, the longest names first.

    Examples
    --------
    >>> known = {"cd3": "CD3", "pe": "CAR", "pecy7": "CD8", "car": "CAR"}
    >>> sorted(named_markers(("fmo", "pe", "cy7"), known)), sorted(named_markers(("car", "t", "fmo", "cd3"), known))
    (['CD8'], ['CD3'])
    """
    taken: set[int] = set()
    found = set()
    for length in range(min(4, len(words)), 0, -1):
        for begin in range(len(words) - length + 1):
            place = set(range(begin, begin + length))
            key = _plain_dye("".join(words[begin : begin + length]))
            if key in known and not place & taken and not _goes_on(key, words[begin + length :]):
                taken |= place
                found.add(known[key])
    return frozenset(found)


def _goes_on(key: str, behind: tuple[str, ...]) -> bool:
    """Whether the next word makes another thing of this one: ``PE`` of ``PE Cy7``, ``CAR`` of ``CAR-T``."""
    if not behind:
        return False
    if key in _SINGLE_DYES:
        return _TANDEM.fullmatch(behind[0]) is not None
    return key == "car" and behind[0] in {"t", "tcell", "tcells", "ts"}


def _dye(label: str) -> str:
    """Return the dye within a label: what is left of it when its marker is taken away."""
    plain, marker = _plain_dye(label), marker_in(label)
    rest = plain.replace(marker, "", 1) if marker and marker in plain else ""
    return rest if len(rest) > 1 else ""


def _plain_dye(text: str) -> str:
    return _plain(text).replace("alexafluor", "af").replace("alexa", "af").replace("pacblu", "pacificblu")


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())


def panel_names(channels: Iterable[Channel]) -> Names:
    """Return detector and marker of each channel, which is all that tells panels apart."""
    return tuple((channel.name, channel.marker) for channel in channels)
