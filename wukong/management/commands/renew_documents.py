"""`manage.py renew_documents`: after a backup of the database was put back by other means than ours."""

from typing import Any

from django.core.management.base import BaseCommand

from workspaces.documents import log
from workspaces.documents.models import Document
from wukong.kernel import committer


class Command(BaseCommand):
    help = "Ask every browser to load its documents anew instead of merging its copy: the database was put back."

    def handle(self, *args: Any, **options: Any) -> None:
        ids = list(Document.objects.values_list("pk", flat=True))
        count = committer.run(lambda: log.begin_history(document_ids=ids))
        self.stdout.write(f"{count} documents begin another history")
