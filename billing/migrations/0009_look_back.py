"""Booked top-ups by the time they were booked: `tick` looks back at the recent ones."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_set_limits")]

    operations = [
        migrations.AddIndex(
            model_name="topup",
            index=models.Index(condition=models.Q(("state", "booked")), fields=["closed_at"], name="booked_topups"),
        ),
    ]
