"""Make the database of an empty data folder: all of Label Studio's migrations, and nothing else."""

from boot import set_up_path

set_up_path()

import django  # noqa: E402  importable only now
from django.core.management import call_command  # noqa: E402

django.setup()
call_command("migrate", "--no-color", verbosity=0)
