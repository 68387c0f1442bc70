"""Batches, by date and cytometer."""

from hypothesis import given
from hypothesis import strategies as st

from phenotype.survey.batches import find_batches, parse_cytometer_date


def test_a_day_and_a_cytometer_are_a_batch(tube):
    """Numbered in the order of time, with what each stands for."""
    told = [("02-APR-2024", "LSR"), ("28-FEB-2024", "LSR"), ("02-APR-2024", "Aurora"), ("28-FEB-2024", "LSR")]
    tubes = [tube(f"{i}.fcs", {"$DATE": day, "$CYT": name}) for i, (day, name) in enumerate(told)]

    batches, guesses = find_batches(tubes)

    assert [(b.name, b.stands_for, b.members) for b in batches] == [
        ("B1", "2024-02-28, LSR", (1, 3)),
        ("B2", "2024-04-02, Aurora", (2,)),
        ("B3", "2024-04-02, LSR", (0,)),
    ]
    assert [guess.value for guess in guesses] == ["B3", "B1", "B2", "B1"]


def test_two_cytometers_of_one_model_are_two(tube):
    """Their serial numbers tell them apart."""
    tubes = [tube(f"{i}.fcs", {"$CYTSN": number}) for i, number in enumerate(("U1", "U2"))]

    assert [batch.stands_for for batch in find_batches(tubes)[0]] == ["2024-03-01, LSR U1", "2024-03-01, LSR U2"]


def test_a_session_over_midnight_is_one_batch(tube):
    """And the next evening's is another."""
    told = [
        ("01-MAR-2024", "22:50:00"),
        ("01-MAR-2024", "23:55:00"),
        ("02-MAR-2024", "00:10:00"),
        ("03-MAR-2024", "20:00:00"),
    ]
    tubes = [tube(f"{i}.fcs", {"$DATE": day, "$BTIM": clock}) for i, (day, clock) in enumerate(told)]

    assert [batch.stands_for for batch in find_batches(tubes)[0]] == [
        "2024-03-01 to 2024-03-02, LSR",
        "2024-03-03, LSR",
    ]


def test_without_a_date_a_person_decides(tube):
    """De-identified files have none."""
    batches, guesses = find_batches([tube("a.fcs", {"$DATE": ""})])

    assert batches == ()
    assert guesses[0].value == "?"
    assert "no $DATE" in guesses[0].doubt


def test_a_date_that_cannot_be_read_still_tells_days_apart(tube):
    """03/04/2024 is one day, whichever it is."""
    tubes = [tube(f"{i}.fcs", {"$DATE": day}) for i, day in enumerate(("03/04/2024", "04/04/2024", "03/04/2024"))]

    assert [guess.value for guess in find_batches(tubes)[1]] == ["B1", "B2", "B1"]


def test_the_lab_s_own_numbers_are_kept(tube):
    """Where names and dates tell the same batches; a batch without a name takes a free number."""
    tubes = [
        tube("batch 3/a.fcs", {"$DATE": "03-MAR-2024"}),
        tube("b.fcs", {"$DATE": "03-MAR-2024"}),
        tube("c.fcs", {"$DATE": "01-MAR-2024", "EXPERIMENT NAME": "CAR batch B1"}),
        tube("d.fcs", {"$DATE": "02-MAR-2024"}),
    ]

    assert [guess.value for guess in find_batches(tubes)[1]] == ["B3", "B3", "B1", "B2"]


def test_names_and_dates_that_disagree_are_a_question(tube):
    """Two batches stained apart and measured on one day; or one batch on two days."""
    one_day = [tube("batch1/a.fcs"), tube("batch2/a.fcs"), tube("c.fcs")]
    two_days = [tube(f"batch1/{i}.fcs", {"$DATE": f"0{i}-MAR-2024"}) for i in (1, 2)]

    for tubes in (one_day, two_days):
        guesses = find_batches(tubes)[1]
        assert {guess.value for guess in guesses} == {"?"}
    assert guesses[0].doubt == "batch: names say B1, $DATE and cytometer B1 (2024-03-01, LSR)"


@given(st.text(max_size=20))
def test_any_text_is_a_date_or_none(text):
    """A cytometer's clock may be set to anything."""
    found = parse_cytometer_date(text)

    assert found is None or found.year >= 1
