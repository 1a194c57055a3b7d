"""Who did what in the console: Django's log of its actions, an entry for each booking and no second one."""

from functools import partial
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from wukong.kernel import committer


def is_noted(row: Model, key: str) -> bool:
    """Return whether what was done to a row under a key is in the log."""
    kind = ContentType.objects.get_for_model(row)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk))
    return entries.filter(change_message__contains=f"[{key}]").exists()


def note(user_id: Any, row: Model, key: str, text: str) -> bool:
    """Write down that somebody did something to a row, once for each key; returns whether it was not there yet."""
    return committer.run(partial(_note, user_id, row, key, text))


def _note(user_id: Any, row: Model, key: str, text: str) -> bool:
    if is_noted(row, key):
        return False
    LogEntry.objects.log_actions(user_id, [row], CHANGE, f"{text} [{key}]", single_object=True)
    return True
