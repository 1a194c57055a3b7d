"""Which way frames take behind real servers: straight to the socket, or through `send` where that would be wrong."""

import contextlib
import importlib.util
import os
import ssl
import subprocess
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.servers import BIN, ROOT, free_port

pytestmark = pytest.mark.slow
SENT = [b"one", b"two" * 30_000, b"three"]
APP = "tests.workspaces.sockets.echo:app"
_has_uvicorn = pytest.mark.skipif(importlib.util.find_spec("uvicorn") is None, reason="pip install uvicorn")


def certificate(folder):
    """Make a key and a certificate that signs itself; return (key file, certificate file)."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    at = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(at).not_valid_after(at + datetime.timedelta(days=1))
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder / "key.pem", folder / "cert.pem"


def daphne(port, folder):
    return ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), APP]


def daphne_with_tls(port, folder):
    key, cert = certificate(folder)
    return ["daphne", "-v", "0", "-e", f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={cert}", APP]


def uvicorn(port, folder, ws="websockets-sansio", deflate="false"):
    how = ["--ws", ws, "--ws-per-message-deflate", deflate, "--lifespan", "off", "--log-level", "warning"]
    return ["uvicorn", APP, "--host", "127.0.0.1", "--port", str(port), *how]


def uvicorn_that_compresses(port, folder):
    return uvicorn(port, folder, deflate="true")


def uvicorn_with_wsproto_or_websockets(port, folder):
    return uvicorn(port, folder, ws="websockets")


@contextlib.contextmanager
def serving(command, log):
    with log.open("wb") as out:
        env = os.environ | {"PYTHONPATH": str(ROOT), "WUKONG_DATA_DIR": str(log.parent)}
        process = subprocess.Popen([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def connected(url, **options):
    end = time.monotonic() + 60
    while True:
        try:
            return connect(url, max_size=None, **options)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("command", "way"),
    [
        (daphne, b"short"),
        (daphne_with_tls, b"long"),
        pytest.param(uvicorn, b"short", marks=_has_uvicorn),
        pytest.param(uvicorn_that_compresses, b"long", marks=_has_uvicorn),
        pytest.param(uvicorn_with_wsproto_or_websockets, b"long", marks=_has_uvicorn),
    ],
)
def test_frames_arrive_whole_whichever_way_they_take(tmp_path, command, way):
    port = free_port()
    has_tls = command is daphne_with_tls
    trust = ssl._create_unverified_context() if has_tls else None
    with (
        serving(command(port, tmp_path), tmp_path / "log"),
        connected(f"{'wss' if has_tls else 'ws'}://127.0.0.1:{port}/", ssl=trust) as client,
    ):
        for asked in (b"a", b"b" * 200, b"c" * 5_000, b"d" * 100_000, b"", b"e"):
            client.send(asked)
            assert [client.recv(timeout=10) for _ in range(5)] == [*SENT, way, b"=" + asked]
        for number in range(50):  # many in one piece
            client.send(str(number).encode())
        assert [client.recv(timeout=10) for _ in range(250)][4::5] == [b"=%d" % number for number in range(50)]
        client.send(iter([b"in ", b"three ", b"parts"]))
        assert [client.recv(timeout=10) for _ in range(5)][4] == b"=in three parts"
        client.send(b"end")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=10)
        assert caught.value.rcvd.code == 1013
