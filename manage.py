#!/usr/bin/env python3
"""Run an administrative command; `manage.py up` starts everything in one process."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")
    if sys.argv[1:2] == ["up"]:
        # The reactor has to be installed before anything imports Twisted's default one.
        import daphne.server  # noqa: F401
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
