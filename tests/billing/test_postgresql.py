"""The same tests on PostgreSQL, in a database of their own."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests import machine

HERE = Path(__file__).parent


@pytest.mark.services
@pytest.mark.skipif(connection.vendor == "postgresql", reason="this is that run")
def test_the_meter_does_the_same_on_postgresql(tmp_path):
    env = {
        **os.environ,
        "DATABASE_URL": urlunsplit(urlsplit(machine.POSTGRES)._replace(path=f"/billing_{os.getpid()}")),
        "WUKONG_DATA_DIR": str(tmp_path),
        "WUKONG_SCRIPTED": "on",
        "PYTEST_ADDOPTS": "",
        "HYPOTHESIS_PROFILE": "dev",  # many examples are for the faster database: here each of them commits over a wire
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(HERE)]

    done = subprocess.run(command, cwd=HERE.parent.parent, env=env, capture_output=True, text=True, timeout=900)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
