"""What the reader puts right: a closed list of rules, each with the evidence it demands.

A repair is applied only where the evidence leaves one reading of the file. Each is recorded in words, under its
rule; where a rule is not allowed, the file is refused instead.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from gating.errors import FCSError, missing

__all__ = ["ON_REQUEST", "REPAIRS", "RULES", "Repair", "check_rules", "refuse_other_repairs"]

RULES: Mapping[str, str] = MappingProxyType(
    {
        # ---- where things are
        "version": "the version is one that can be read, but for blanks within it",
        "nines": "HEADER gives 99999999 for an offset of DATA, and TEXT gives offsets that hold $TOT events",
        "header-offsets": "TEXT gives no offsets of DATA, and those of HEADER hold $TOT events",
        "differing-offsets": "HEADER and TEXT differ, and exactly one of them holds $TOT events",
        "shared-byte": "HEADER ends TEXT on the byte where DATA begins, and that byte is not the delimiter",
        "data-end": "DATA is one byte off the size of $TOT events, and its begin is beyond doubt",
        "empty-extent": "$ENDDATA equals $BEGINDATA, and $TOT events fit between there and the end of the file",
        "count": "there is no $TOT, and DATA is a whole number of events",
        "next-dataset": "$NEXTDATA points nowhere counted from the dataset, and at a dataset counted from the file",
        # ---- what TEXT says
        "byte-order-mark": "TEXT begins with the byte order mark of UTF-8",
        "latin-1": "TEXT is not UTF-8; every byte is a character of Latin-1",
        "empty-values": "a keyword has no value, and every other keyword keeps its own",
        "supplement": "the supplemental TEXT lacks its first delimiter, which the primary TEXT shows",
        "repeated-keyword": "a keyword that does not decide how DATA is read has two values; the first is kept",
        "mode": "there is no $MODE; what else TEXT says describes a list of events",
        # ---- what numbers mean
        "log-offset": "$PnE has decades and an offset of 0, for which FCS 3.1 prescribes 1",
        "log-on-float": "$PnE has decades on floating point, which the standard makes linear",
        "no-amplification": "$PnE is missing or has no decades, and $DATATYPE is I: values are linear",
        "gain": "$PnG is no usable number, or stands on a channel that has no gain: it does not divide",
        "range": "$PnR is no usable number; the scale ends at the largest value",
        "not-finite": "at most 1 % of the events have a value that is NaN or infinite; they are left out",
        "repeated-name": "parameters share a $PnN, and each has a $PnS of its own; both together name the channel",
        "checksum": "the checksum is not that of the bytes, and nothing else contradicts the file; it is read",
        "names": "a Beckman Coulter file of two datasets of the same events: names of markers are from the first",
        # ---- on request only
        "salvage": "the file is cut short in DATA; the whole events that are there are read",
        "recount": "$TOT is not the number of events that DATA holds; DATA is believed",
    }
)
"""The rules, each with its evidence."""
ON_REQUEST = ("salvage", "recount")
"""Rules that lose events or overrule the file, so that a person has to ask for them."""
REPAIRS = frozenset(RULES) - {*ON_REQUEST}
"""The rules that are applied unless the caller says otherwise."""


class Repair(str):
    """A sentence on what was wrong in a file and what was read instead.

    Examples
    --------
    >>> repair = Repair("count", "$TOT is missing; the size of DATA makes 3 events.")
    >>> repair, repair.rule
    ('$TOT is missing; the size of DATA makes 3 events.', 'count')
    """

    rule: str
    """A name in ``RULES``."""

    def __new__(cls, rule: str, sentence: str) -> "Repair":
        """Return the sentence, which remembers its rule."""
        repair = super().__new__(cls, sentence)
        repair.rule = rule
        return repair

    def __reduce__(self) -> tuple[type["Repair"], tuple[str, str]]:
        return Repair, (self.rule, str(self))


def check_rules(rules: Iterable[str]) -> frozenset[str]:
    """Return a set of rules.

    Raises
    ------
    ValueError
        If one is not in the list.
    """
    wanted = frozenset(rules)
    for rule in sorted(wanted - {*RULES}):
        raise ValueError(missing("repair", rule, RULES, "repairs"))
    return wanted


def refuse_other_repairs(warnings: Iterable[str], allowed: Collection[str], where: str) -> None:
    """Refuse a file that was read by a rule which is not allowed.

    Raises
    ------
    FCSError
        With what was wrong, and the rule that would put it right.
    """
    for warning in warnings:
        if isinstance(warning, Repair) and warning.rule not in allowed:
            raise FCSError(f"{where}: {warning} The repair {warning.rule!r} is not allowed here.")
