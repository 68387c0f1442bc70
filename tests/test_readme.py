"""What the README says works: its code runs, its commands exist, its files parse."""

import re
from pathlib import Path

import pytest

from gating import ON_REQUEST, REPAIRS, parse_template
from gating.fcs import RULES
from phenotype.cli import main
from phenotype.deidentify.keywords import ALLOWED
from phenotype.study import Analyses, read_study

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the README's fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_blocks_run(monkeypatch, capsys):
    """The first thing a programmer does is to paste it."""
    monkeypatch.chdir(ROOT)

    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own README

    assert int(capsys.readouterr().out) > 0


def test_study_toml_block_is_a_study(tmp_path):
    """The first thing an analyst does is to copy it."""
    (text,) = blocks("toml")
    (tmp_path / "study.toml").write_text(text)

    study = read_study(tmp_path / "study.toml")

    assert study.asct.within_days == 365
    assert study.markers["CAR"] == ("rhBCMA-Fc PE",)


def test_template_block_is_a_template():
    """Its parents are elsewhere in the tree; put below root, every row parses."""
    (text,) = blocks("text")
    text = text.replace("Singlets,Viability", "root,Viability").replace("T cells,CAR", "root,CAR")

    assert parse_template(text.replace("on=T cells", "on=CAR+ T")).populations == ("Live", "CAR+ T", "naive")


@pytest.mark.parametrize("command", sorted(set(re.findall(r"phenotype (\w+) [A-Z\[]", README))))
def test_commands_exist(command):
    """A command in the README that is not in the program is a lie."""
    assert command in main.commands


def test_make_targets_exist():
    """Two commands do everything on a fresh machine."""
    makefile = (ROOT / "Makefile").read_text()

    for target in re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_linked_pages_exist():
    """Links within the repository lead somewhere."""
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_readme_calls_the_sample_study_synthetic():
    """No one may take it for patients' data."""
    assert "**synthetic**" in README


def test_every_repair_is_in_the_documentation():
    """A rule that changes how a file is read is public, with what must be true for it."""
    text = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)`(?: \(on request\))? \| (.*) \|$", text, re.MULTILINE))

    assert listed == dict(RULES)
    assert set(re.findall(r"`([a-z-]+)` \(on request\)", text)) == {*ON_REQUEST}


def test_every_keyword_that_a_copy_keeps_is_in_the_documentation():
    """What is let through to others is public, with what it is."""
    text = (ROOT / "docs" / "deidentify.md").read_text(encoding="utf-8")
    plain = {
        name.replace(r"\d+", "n").replace("\\", "").replace("|", "`, `"): why for name, (_, why) in ALLOWED.items()
    }

    assert dict(re.findall(r"^\| `([$A-Z].*)` \| (.*) \|$", text, re.MULTILINE)) == plain


def test_the_documented_reading_settings_are_settings(tmp_path):
    """What docs/reading.md shows can be pasted into study.toml."""
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "reading.md").read_text(encoding="utf-8"), re.DOTALL)
    (study,) = blocks("toml")
    (tmp_path / "study.toml").write_text(study + text)

    assert read_study(tmp_path / "study.toml").reading.repairs == REPAIRS | {"salvage"}


def test_the_settings_of_docs_analyses_are_settings(tmp_path):
    """What the page shows can be pasted, and every default it states is the default."""
    page = (ROOT / "docs" / "analyses.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    files = '[study]\nname = "x"\nsamples = "s.csv"\nclinical = "c.csv"\ntemplate = "g.csv"\n'
    (tmp_path / "study.toml").write_text(files + text, encoding="utf-8")

    assert read_study(tmp_path / "study.toml").analyses == Analyses()


def test_docs_analyses_names_what_a_run_writes():
    """A row that the page does not explain is a number without a method for the reader."""
    page = (ROOT / "docs" / "analyses.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "phenotype" / "analyses").glob("*.py"))
    written = set(re.findall(r'"analysis": "([a-z_]+)"', sources)) | set(
        re.findall(r'\("(composition_[a-z_]+)", _', sources)
    )

    assert len(written) > 15
    stems = {name: re.sub(r"_(univariable|multivariable)$", "", name) for name in written}
    for name, stem in stems.items():
        suffix = name.removeprefix("composition")
        assert f"`{name}`" in page or f"`{stem}" in page or f"`{suffix}`" in page, name
