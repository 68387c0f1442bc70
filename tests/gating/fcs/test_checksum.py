"""The checksum: silent where there is none or it is right, loud where it is wrong."""

import pytest

from gating.fcs import read_fcs, read_fcs_metadata

from .conftest import fcs_bytes


def by_hand(raw: bytes, register: int) -> int:
    """Return the CRC of CCITT, bit by bit as the polynomial x**16 + x**12 + x**5 + 1 has it."""
    for byte in raw:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return register


@pytest.fixture
def signed(tmp_path):
    """Return a function that writes a file with a checksum, after changing one byte of DATA if wanted."""

    def write(form, register, change=0):
        raw = bytearray(fcs_bytes())
        field = form(by_hand(raw, register)).encode()
        raw[-1] ^= change
        path = tmp_path / "pt01.fcs"
        path.write_bytes(bytes(raw) + field)
        return path

    return write


FORMS = [lambda number: f"{number:08X}", lambda number: f"{number:8x}", lambda number: f"{number:08d}"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("register", [0, 0xFFFF])
def test_a_right_checksum_is_silent(signed, form, register):
    """In each of the forms that the standard leaves open."""
    assert read_fcs(signed(form, register)).warnings == ()


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_checksum_is_said(signed, form):
    """One bit of one value: no other sign in the file would tell."""
    (warning,) = read_fcs(signed(form, 0, change=1)).warnings

    assert warning.startswith("The checksum is ")
    assert warning.endswith("; the file was changed or damaged since.")


@pytest.mark.parametrize("tail", [b"00000000", b"        ", b"", b"1234567", b"\0" * 8, b"FCS3.1  "])
def test_what_is_no_checksum_is_none(tmp_path, tail):
    """Eight zeros say that there is none; many writers end the file with DATA."""
    path = tmp_path / "pt01.fcs"
    path.write_bytes(fcs_bytes() + tail)

    assert read_fcs(path).warnings == ()


def test_metadata_does_not_sum_the_bytes(signed):
    """A folder is surveyed without reading its DATA."""
    assert read_fcs_metadata(signed(FORMS[0], 0, change=1)).warnings == ()
