"""The extent of DATA: which bytes of the file are the events.

HEADER and TEXT give offsets, $TOT and the columns give a size, and the file has one of its own. A reader that
trusts one of them shifts every number of a file in which it is wrong; here all have to agree, or to leave one answer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gating.errors import FCSError
from gating.fcs.repairs import REPAIRS, Repair
from gating.fcs.text import HEADER_BYTES, Header, Segment, optional_number, whole_number

__all__ = ["Extent", "find_data"]

CRC_BYTES = 8
"""FCS 3.0 and later end with a checksum."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the events are, and how many."""

    begin: int
    n_events: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Room:
    """What DATA has to fit into, and what it holds."""

    text: Segment
    file_size: int
    row_bytes: int
    where: str
    allowed: Collection[str]

    def holds(self, data: Segment) -> bool:
        """Whether DATA is within the file, and clear of HEADER and TEXT."""
        clear = data.end < self.text.begin or data.begin > self.text.end
        return not data.size or (data.begin >= HEADER_BYTES and data.end < self.file_size and clear)


def find_data(
    header: Header,
    keywords: Mapping[str, str],
    row_bytes: int,
    file_size: int,
    where: str,
    allowed: Collection[str] = REPAIRS,
) -> Extent:
    """Return the extent of DATA that HEADER, TEXT and the size of the file allow.

    Parameters
    ----------
    header
        With the offsets of TEXT, and of DATA unless they are left to TEXT.
    keywords
        For $TOT, $BEGINDATA and $ENDDATA.
    row_bytes
        Size of one event.
    file_size
        Bytes of the dataset.
    where
        What messages begin with.
    allowed
        Rules of :mod:`gating.fcs.repairs`; of these, ``salvage`` and ``recount`` change the outcome here.

    Raises
    ------
    FCSError
        If no extent, or more than one, has the size that $TOT demands, or the file is cut short.
    """
    room = _Room(header.text, file_size, row_bytes, where, allowed)
    places, odd_places = _places(header, keywords, where)
    n_events, odd_count = _count(keywords, places, row_bytes, where)
    if not places and not n_events:
        return Extent(0, 0)
    if not places:
        raise FCSError(f"{where}: neither HEADER nor TEXT says where DATA is, yet $TOT says {n_events} events.")
    if len(set(places.values())) > 1:
        extent = _the_one_that_fits(places, n_events, room)
    else:
        extent = _checked(next(iter(places.values())), n_events, room)
    return Extent(extent.begin, extent.n_events, odd_places + odd_count + extent.warnings)


def _places(header: Header, keywords: Mapping[str, str], where: str) -> tuple[dict[str, Segment], tuple[str, ...]]:
    """Return where HEADER and TEXT put DATA, each if it says so."""
    places = {"HEADER": header.data} if header.data else {}
    begin, end = (optional_number(keywords, keyword, where, "a byte offset") for keyword in ("$BEGINDATA", "$ENDDATA"))
    if end:
        places["TEXT"] = Segment(begin, end)
    elif header.data and header.version != "FCS2.0":
        missing = "$BEGINDATA and $ENDDATA are missing; the offsets in HEADER are used."
        return places, (Repair("header-offsets", missing),)
    return places, ()


def _count(
    keywords: Mapping[str, str], places: Mapping[str, Segment], row_bytes: int, where: str
) -> tuple[int, tuple[str, ...]]:
    """Return the number of events."""
    if "$TOT" in keywords or len(set(places.values())) != 1:
        return whole_number(keywords, "$TOT", where, "the number of events"), ()
    segment = next(iter(places.values()))
    if segment.size % row_bytes:
        raise FCSError(
            f"{where}: there is no $TOT in TEXT, and DATA of {segment.size} bytes is no multiple of the {row_bytes} "
            f"bytes of an event; export the file again."
        )
    count = segment.size // row_bytes
    return count, (Repair("count", f"$TOT is missing; the size of DATA makes {count} events."),)


def _the_one_that_fits(places: Mapping[str, Segment], n_events: int, room: _Room) -> Extent:
    """Return the extent of the right size, where HEADER and TEXT differ."""
    needed = n_events * room.row_bytes
    listed = " and ".join(f"{place} puts DATA at {segment}" for place, segment in places.items())
    size = f"$TOT {n_events} x {room.row_bytes} bytes = {needed} bytes"
    fitting = {place: segment for place, segment in places.items() if segment.size == needed and room.holds(segment)}
    if len(fitting) != 1:
        verdict = "both have" if fitting else "neither has"
        raise FCSError(f"{room.where}: {listed}; {verdict} the size {size}. Export the file again.")
    place, segment = fitting.popitem()
    chosen = f"{listed}; that of {place} is used, which has the size {size}."
    return Extent(segment.begin, n_events, (Repair("differing-offsets", chosen),))


def _checked(segment: Segment, n_events: int, room: _Room) -> Extent:
    """Return the extent that the file gives, its end corrected where that is beyond doubt."""
    needed = n_events * room.row_bytes
    excess = segment.size - needed
    exact = Segment(segment.begin, segment.begin + needed - 1)
    if segment.begin == segment.end and needed > 1 and room.holds(exact):
        return _corrected(exact, n_events, "empty-extent", f"$ENDDATA equals $BEGINDATA, {segment.begin}")
    if segment.end >= room.file_size > exact.end and excess == 1:
        _check_place(exact, segment, n_events, room)
        return _corrected(exact, n_events, "data-end", f"DATA ends one byte behind the file, at byte {segment.end}")
    if segment.end >= room.file_size:
        return _salvaged(segment, n_events, room)
    if abs(excess) > 1:
        return _recounted(segment, n_events, room)
    _check_place(exact, segment, n_events, room)
    if not excess or not needed:
        return Extent(exact.begin, n_events)
    found = f"DATA at {segment} is a byte too {'long' if excess > 0 else 'short'}"
    return _corrected(exact, n_events, "data-end", found)


def _check_place(exact: Segment, given: Segment, n_events: int, room: _Room) -> None:
    """Refuse a place of the right size that overlaps TEXT or HEADER, or begins where DATA does not."""
    if not room.holds(exact) or _begins_elsewhere(given, given.size - exact.size, room):
        raise FCSError(
            f"{room.where}: DATA at {given} cannot be {n_events} events of {room.row_bytes} bytes: TEXT is "
            f"{room.text}, the file has {room.file_size} bytes. Copy or export it again."
        )


def _corrected(segment: Segment, n_events: int, rule: str, found: str) -> Extent:
    """Return an extent of $TOT events whose end the file gave wrongly."""
    said = f"{found}; its end was corrected." if rule == "data-end" else f"{found}; $TOT gives the end of DATA."
    return Extent(segment.begin, n_events, (Repair(rule, said),))


def _salvaged(segment: Segment, n_events: int, room: _Room) -> Extent:
    """Return the whole events of a file that is cut short, if that is asked for."""
    whole = min(max(room.file_size - segment.begin, 0) // room.row_bytes, n_events)
    found = f"DATA is {segment}, the file has {room.file_size} bytes; it is cut short: {whole} of {n_events} events"
    if "salvage" in room.allowed and whole and room.holds(Segment(segment.begin, segment.begin)):
        return Extent(segment.begin, whole, (Repair("salvage", f"{found} are there and were read."),))
    raise FCSError(f"{room.where}: {found} are there. Copy or export it again.")


def _recounted(segment: Segment, n_events: int, room: _Room) -> Extent:
    """Return the events that DATA holds where $TOT says another number, if that is asked for."""
    found = f"$TOT says {n_events} events of {room.row_bytes} bytes, the DATA segment at {segment} holds"
    count, rest = divmod(segment.size, room.row_bytes)
    if "recount" in room.allowed and not rest and room.holds(segment):
        return Extent(segment.begin, count, (Repair("recount", f"{found} {count}, which were read."),))
    raise FCSError(f"{room.where}: {found} {segment.size / room.row_bytes:.12g}; export the file again.")


def _begins_elsewhere(segment: Segment, excess: int, room: _Room) -> bool:
    """Whether the first byte of DATA is the wrong one, not the last.

    The end is right if the file, or its checksum, follows it; then a size that is one byte off moves the
    begin, unless TEXT leaves no room to move. Read from there, every number would be garbage.
    """
    end_is_right = room.file_size - (segment.end + 1) in {0, CRC_BYTES}
    return bool(excess) and end_is_right and segment.begin != room.text.end + 1
