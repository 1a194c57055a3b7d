"""What every row has."""

from django.db import models

from wukong.kernel.clock import now
from wukong.kernel.ids import new_id


class Row(models.Model):
    """A row with a time-ordered UUID that the client of the database makes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        abstract = True
