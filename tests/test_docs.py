"""What the documentation says is so: settings, error codes, links, notices."""

import re
from pathlib import Path

from wukong.env import KNOBS
from wukong.kernel import errors

ROOT = Path(__file__).parent.parent


def test_every_setting_is_documented_with_its_default():
    from wukong import settings  # registers the knobs

    assert settings.WUKONG_DATA_DIR
    text = (ROOT / "docs" / "settings.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE))

    assert set(documented) == set(KNOBS)
    for name, knob in KNOBS.items():
        if name not in {"WUKONG_URL", "WUKONG_SCRIPTED"}:  # their defaults depend on other settings
            assert documented[name].strip("` ") == knob.default, name


def test_every_error_code_is_documented():
    text = (ROOT / "docs" / "api.md").read_text()
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WukongError)]

    missing = [kind.code for kind in kinds if kind is not errors.WukongError and f"`{kind.code}`" not in text]

    assert missing == []


def test_links_of_the_documentation_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]

    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_the_readme_says_whom_we_do_not_belong_to():
    text = (ROOT / "README.md").read_text()

    assert "not affiliated with Alibaba" in text
    assert "make run" in text
    assert "make test" in text
    assert len(text.splitlines()) <= 150


def test_every_dependency_says_what_it_is_for():
    lines = (ROOT / "requirements.txt").read_text().splitlines() + (
        ROOT / "requirements-dev.txt"
    ).read_text().splitlines()

    bare = [
        line for line in lines if line and not line.startswith("-r") and not re.search(r"==\S+\s+# \w.*https://", line)
    ]

    assert bare == []
