"""Progress: what a person who waits is told, and how often."""

import io
import re

import pytest

from phenotype.progress import progress_bar


class Terminal(io.StringIO):
    """A screen that says it is one."""

    def isatty(self) -> bool:
        """Return what a terminal does."""
        return True


class Clock:
    """Seconds that pass when told."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock():
    """Return a clock that stands still."""
    return Clock()


def test_a_short_run_says_nothing(clock, capsys):
    """The summary comes at once; lines before it would only push it off the screen of a log."""
    with progress_bar(quiet=False, clock=clock) as progress:
        for done in range(30):
            clock.now += 0.99
            progress("samples", done, 30)

    assert capsys.readouterr().err == ""


def test_a_log_gets_a_line_each_half_minute(clock, capsys):
    """The log of a night must tell whether it will be done in the morning, and stay readable."""
    with progress_bar(quiet=False, clock=clock) as progress:
        for done in range(2501):
            progress("samples", done, 2500)
            clock.now += 1 / 32

    assert capsys.readouterr().err.splitlines() == [
        "samples: 960 of 2,500 files, 32 files/s, about 48 s left",
        "samples: 1,920 of 2,500 files, 32 files/s, about 18 s left",
    ]


def test_time_left_is_of_bytes_and_not_of_files(clock, capsys):
    """The biggest files are gated first: a count would promise the last hour ten times over."""
    with progress_bar(quiet=False, clock=clock) as progress:
        progress("samples", 0, 100, 0.0)
        clock.now += 100
        progress("samples", 10, 100, 0.8)

    assert capsys.readouterr().err == "samples: 10 of 100 files, 0.10 files/s, about 25 s left\n"


def test_what_an_earlier_run_did_is_not_taken_for_speed(clock, capsys):
    """A study that goes on at 90 of 100 files is not ten times as fast."""
    with progress_bar(quiet=False, clock=clock) as progress:
        progress("samples", 90, 100)
        clock.now += 40
        progress("samples", 91, 100)

    assert capsys.readouterr().err == "samples: 91 of 100 files, 0.03 files/s, about 6 min left\n"


def test_a_stage_that_has_just_begun_promises_nothing(clock, capsys):
    """No pace is known of one call."""
    with progress_bar(quiet=False, clock=clock) as progress:
        clock.now += 40
        progress("report", 0, 1)
        clock.now += 40
        progress("report", 1, 1)

    assert capsys.readouterr().err == "report: 0 of 1 files\n"


def test_a_terminal_gets_a_bar_with_the_time_left(clock, monkeypatch):
    """Who sits before it wants to know whether to wait."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")

    with progress_bar(quiet=False, clock=clock) as progress:
        progress("samples", 0, 1500)
        clock.now += 10
        progress("samples", 300, 1500)

    assert re.search(r"samples .*300 of 1,500 .*30 files/s, about 40 s left", screen.getvalue())


def test_a_quiet_run_says_nothing(clock, capsys):
    """Whoever reads JSON reads nothing else."""
    with progress_bar(quiet=True, clock=clock) as progress:
        clock.now += 100
        progress("samples", 1, 2, 0.5)

    assert capsys.readouterr() == ("", "")
