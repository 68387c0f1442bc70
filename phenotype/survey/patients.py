"""Whose a product is: the part of a name that tells patients apart, while the rest stays or tells something else."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gating import marker_in
from phenotype.survey.folder import Tube
from phenotype.survey.roles import ROLE_WORDS, Guess
from phenotype.survey.words import Said, said, without_dates

__all__ = ["distinct", "guess_patients", "other_words"]

PATIENT_WORDS = frozenset(
    {"patient", "patients", "pt", "pat", "upn", "subject", "subj", "donor", "spender", "proband", "p"}
)
"""Words before a number or initials that make them a person's."""
_ID_NOUNS = frozenset({"id", "no", "nr", "number", "name"})
_NEUTRAL = frozenset(
    {
        "specimen", "tube", "sample", "samples", "export", "exported", "well", "plate", "unmixed", "raw", "mqd", "fcs",
        "run", "group", "exp", "experiment", "batch", "charge", "lot", "rep", "replicate", "study", "studie", "panel",
        "version", "v", "set", "lane", "acquisition", "file", "data", "cycle", "dose", "week", "wk", "month", "visit",
        "untitled", "default", "car", "cart", "t", "cd", "il", "kit", "protocol", "site", "cohort", "arm",
        "moi", "lv", "vcn", "vial", "aliquot", "pool", "tp", "timepoint", "clone", "hla", "th", "et", "ml", "hr", "min",
    }
)  # fmt: skip
"""Words whose number is not a patient's."""
_ODD_LETTERS = frozenset("rtvxnzgm") | frozenset("abcdefgh")
"""Single letters before a number that mean replicates, times, mice or wells as often as patients."""
_MOST_LETTERS = 4
"""Of a code before a number: ``UPN``, ``INF``; a longer word is a name of something."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A word, or a word with its number, of a name."""

    text: str
    """As written."""
    word: str
    """Lower case; empty for a bare number."""
    number: str
    """Digits or initials behind the word, lower case, without leading zeros."""
    followed: bool = False
    """Whether a further bare number hangs on, as in ``ABC-12-003``."""

    @property
    def plain(self) -> str:
        """What two spellings of one patient share."""
        return f"{self.word}{self.number}"

    @property
    def of_patient(self) -> bool:
        """Whether it says in words that it is a person."""
        return self.word in PATIENT_WORDS and bool(self.number)

    @property
    def is_code(self) -> bool:
        """Whether it looks like an identifier: a short word with its number, ``INF071`` or ``INF-071``."""
        if self.followed or not self.number or not self.word:
            return False
        short = len(self.word) <= _MOST_LETTERS and self.word not in _ODD_LETTERS
        in_one = not re.search(r"[ _]", self.text)
        return self.of_patient or (short and in_one and self.number.isdigit())


def guess_patients(tubes: Sequence[Tube], known: Sequence[Mapping[str, str]]) -> list[Guess]:
    """Propose a patient for each of the tubes, which are no controls.

    A code is proposed where it is the only one of its name, differs between tubes, and is that of a person by its
    word (``P01``, ``Donor 5``) or by others like it (``INF071``, ``INF149``). All else is left to a person.

    Parameters
    ----------
    tubes
        Products and monitoring samples.
    known
        For each, what names of markers stand for: these are no patients.
    """
    texts = [
        [(one, tuple(_units(one.text, names))) for one in said(tube)] for tube, names in zip(tubes, known, strict=True)
    ]
    everywhere = _everywhere(texts)
    guesses = [_guess(of_tube, everywhere) or _guess(of_tube, frozenset(), strict=True) for of_tube in texts]
    found = [guess or _hint(of_tube, everywhere) for guess, of_tube in zip(guesses, texts, strict=True)]
    return _without_lookalikes(_without_loners(found))


def other_words(tubes: Sequence[Tube], known: Sequence[Mapping[str, str]]) -> list[str]:
    """Return for each tube a word of its name that some files have and others have not: ``TNC`` of ``P01_TNC``.

    Such a word is of a kind of sample, and nobody has said of which. Where every name has one of its own, they are
    the patients' names.
    """
    found = [
        [unit.plain for unit in _units(tube.stem, names) if unit.word and not unit.number]
        for tube, names in zip(tubes, known, strict=True)
    ]
    counts = Counter(word for of_tube in found for word in set(of_tube))
    kinds = [[word for word in of_tube if counts[word] < len(tubes)] for of_tube in found]
    if all(any(counts[word] == 1 for word in of_tube) for of_tube in kinds):
        return ["" for _ in tubes]
    return [next(iter(of_tube), "") for of_tube in kinds]


def _everywhere(texts: Sequence[Sequence[tuple[Said, Sequence[_Unit]]]]) -> frozenset[str]:
    """Return units that every tube has: a study's, not a patient's."""
    counts = Counter(plain for of_tube in texts for plain in {unit.plain for _, units in of_tube for unit in units})
    return frozenset(plain for plain, n in counts.items() if n == len(texts) > 1)


def _guess(
    texts: Sequence[tuple[Said, Sequence[_Unit]]], dropped: frozenset[str], *, strict: bool = False
) -> Guess | None:
    """Return the one code of the first text that has codes, unless another text names another; None if none has."""
    chosen: _Unit | None = None
    for one, units in texts:
        codes = {u.plain: u for u in units if u.is_code and u.plain not in dropped and (u.of_patient or not strict)}
        persons = [code for code in codes.values() if code.of_patient and code.word != "p"]
        picked = persons if len(persons) == 1 else list(codes.values())
        if picked and not picked[0].of_patient:
            picked += [unit for unit in units if unit.of_patient and unit.plain in dropped]
        if chosen is None and len(picked) > 1:
            return Guess("?", f"patient_id: {' or '.join(code.text for code in picked)}?")
        if chosen is None:
            chosen, first = (picked[0], one) if picked else (None, one)
        elif other := next((code for code in picked if _is_other(chosen, code)), None):
            return Guess("?", f"patient_id: {first.source} says {chosen.text}, {one.source} says {other.text}")
    return Guess(chosen.text) if chosen else None


def _is_other(chosen: _Unit, code: _Unit) -> bool:
    """Whether two codes are of one kind and name two patients."""
    alike = chosen.word == code.word or (chosen.of_patient and code.of_patient)
    return alike and chosen.number != code.number


def _hint(texts: Sequence[tuple[Said, Sequence[_Unit]]], dropped: frozenset[str]) -> Guess:
    """Leave it to a person, and say what in the name could be meant."""
    parts = [unit.text for _, units in texts[:1] for unit in units if not unit.word or unit.plain not in dropped]
    could = f": {' '.join(parts)}?" if parts else ": the names do not tell"
    return Guess("?", f"patient_id{could}")


def _without_loners(guesses: Sequence[Guess]) -> list[Guess]:
    """Doubt codes that are not a person's by their word and have no other code like them."""
    kinds = defaultdict(set)
    for guess in guesses:
        kinds[_word(guess.value)].add(guess.value)
    alone = {word for word, values in kinds.items() if len(values) < 2 and word not in PATIENT_WORDS}
    return [
        Guess("?", f"patient_id: {guess.value}?") if guess.value != "?" and _word(guess.value) in alone else guess
        for guess in guesses
    ]


def _without_lookalikes(guesses: Sequence[Guess]) -> list[Guess]:
    """Doubt codes that could be two spellings of one: ``P1`` and ``P01``."""
    spelt = defaultdict(set)
    for guess in guesses:
        spelt[_plain(guess.value)].add(guess.value)
    return [
        Guess("?", f"patient_id: {' and '.join(sorted(spelt[_plain(guess.value)]))}, one patient?")
        if len(spelt[_plain(guess.value)]) > 1
        else guess
        for guess in guesses
    ]


def _word(code: str) -> str:
    return next(iter(re.findall(r"[^\W\d_]+", code.casefold())), "")


def _plain(code: str) -> str:
    """Return a code without what the eye overlooks.

    >>> _plain("P-01"), _plain("p1"), _plain("Patient 007")
    ('p1', 'p1', 'patient7')
    """
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[\W_]", "", code.casefold()))


def _units(text: str, known: Mapping[str, str]) -> Iterator[_Unit]:
    """Yield what of a text could be a patient's: not dates, days, wells, counters, roles, markers or vendors' words."""
    tokens = list(re.finditer(r"[^\W_]+", _without_counters(unicodedata.normalize("NFC", without_dates(text)))))
    i = 0
    while i < len(tokens):
        unit, used = _unit(tokens, i)
        if not _says_other(unit, known):
            yield unit
        i += used


def _without_counters(text: str) -> str:
    """Drop what a cytometer's software appends: ``_003`` behind a specimen and tube, ``.0003.mqd``, ``.001``.

    >>> _without_counters("Specimen_001_P01_003"), _without_counters("P01.0003.mqd"), _without_counters("ABC_003")
    ('Specimen_001_P01', 'P01', 'ABC_003')
    """
    text = re.sub(r"(?i)(\.[0-9]{3,4})(\.mqd)?$", "", text)
    return re.sub(r"(?i)^(specimen.*)_[0-9]{3}$", r"\1", text)


def _unit(tokens: Sequence[re.Match[str]], i: int) -> tuple[_Unit, int]:
    """Return the unit that begins at a token, and how many tokens it takes."""
    word = re.fullmatch(r"([^\W\d_]*)(\d*)", tokens[i][0])
    if word is None:
        return _Unit(tokens[i][0], tokens[i][0].casefold(), ""), 1
    letters, digits, used = word[1], word[2], 1
    following = tokens[i + 1] if i + 1 < len(tokens) and _near(tokens[i], tokens[i + 1]) else None
    if letters and not digits and following and (following[0].isdigit() or _are_initials(letters, following[0])):
        digits, used = following[0], 2
    last = tokens[i + used - 1]
    behind = tokens[i + used] if i + used < len(tokens) and _near(last, tokens[i + used]) else None
    number = digits.lstrip("0") or digits[-1:]
    text = last.string[tokens[i].start() : last.end()]
    followed = behind is not None and behind[0].isdigit() and bool(digits)
    return _Unit(text, letters.casefold(), number.casefold(), followed), used


def _near(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether at most one sign is between two tokens."""
    return other.start() - one.end() <= 1


def _are_initials(word: str, text: str) -> bool:
    """Whether a text behind a word for a patient is a letter or initials: ``Patient A``."""
    explicit = word.casefold() in PATIENT_WORDS - {"p"}
    plain = text.casefold()
    return explicit and text.isupper() and len(text) <= 3 and plain not in ROLE_WORDS | _NEUTRAL | _ID_NOUNS


def _says_other(unit: _Unit, known: Mapping[str, str]) -> bool:
    """Whether a unit is known to mean something else than a patient."""
    if unit.of_patient:
        return False
    plain = re.sub(r"[\W_]", "", unit.text.casefold())
    is_well = re.fullmatch(r"[a-h](0?[1-9]|1[0-2])", plain) is not None
    names = {plain, unit.word} & (ROLE_WORDS | _NEUTRAL | PATIENT_WORDS | _ID_NOUNS)
    is_marker = plain in known or (bool(unit.word) and not marker_in(unit.text)) or bool(re.match(r"cd\d", plain))
    return is_well or bool(names) or is_marker


def distinct(patients: Iterable[str]) -> tuple[str, ...]:
    """Return the patients that were proposed, each once, in the order of their numbers."""
    return tuple(sorted(set(patients) - {"", "?"}, key=_in_order))


def _in_order(code: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sort P2 before P10."""
    parts = re.findall(r"\d+|\D+", code.casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts], code
