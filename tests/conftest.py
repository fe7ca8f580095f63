"""What every test may ask for."""

import os
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "shared" / "contracts"


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
