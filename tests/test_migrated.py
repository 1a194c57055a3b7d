"""A kept database is never that of other code."""

import pytest

from tests import migrated


@pytest.fixture
def migration(monkeypatch, tmp_path):
    monkeypatch.setattr(migrated, "ROOT", tmp_path)
    folder = tmp_path / "billing" / "migrations"
    folder.mkdir(parents=True)
    path = folder / "0001_initial.py"
    path.write_text("operations = []\n")
    return path


def test_the_same_code_finds_the_same_database(migration):
    assert migrated.key() == migrated.key()


@pytest.mark.parametrize("change", ["edited", "renamed", "added", "data", "setting", "day"])
def test_with_any_change_none_is_found(migration, monkeypatch, change):
    before = migrated.key()

    if change == "edited":
        migration.write_text("operations = [1]\n")
    elif change == "renamed":
        migration.rename(migration.with_name("0001_other.py"))
    elif change == "added":
        migration.with_name("0002_more.py").touch()
    elif change == "data":
        (migration.parent.parent / "prices.json").write_text("{}")
    elif change == "setting":
        monkeypatch.setenv("WUKONG_CURRENCY", "EUR")
    else:
        monkeypatch.setattr(migrated, "today", lambda: "2001-01-01")

    assert migrated.key() != before


def test_where_it_lies_is_no_change(migration, monkeypatch, tmp_path):
    before = migrated.key()

    monkeypatch.setenv("WUKONG_DATA_DIR", str(tmp_path))

    assert migrated.key() == before
