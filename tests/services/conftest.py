"""One production size for the tests of this folder: two web processes, a worker and a beat."""

from collections.abc import Iterator

import pytest

from tests import servers
from tests.rest import Rest


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[servers.Production]:
    """The running site. It is shared: a test that stops a part starts it again."""
    with servers.production(tmp_path_factory.mktemp("production")) as site:
        site.start()
        yield site


@pytest.fixture(scope="session")
def key(site) -> str:
    return site.manage("create_api_key", "demo@example.com", "northwind")


@pytest.fixture
def web1(site, key) -> Rest:
    return Rest(site.url, key)


@pytest.fixture
def web2(site, key) -> Rest:
    return Rest(f"http://127.0.0.1:{site.ports[1]}", key)


@pytest.fixture
def document(web1) -> str:
    """The id of a document of its own."""
    project = web1.post("projects/", {"workspace": "northwind", "name": "Tea launch"})
    return str(web1.post("documents/", {"project": project["id"], "title": "Campaign plan"})["id"])
