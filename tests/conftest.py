"""Fixtures that many tests share."""

import importlib.util
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real corpora and tokenizers that no package carries."""
    return SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with a word, what this machine cannot run."""
    missing = {
        "shared_data": not SHARED_DATA.is_dir() and f"no real corpora in {SHARED_DATA.parent.name}/",
        "torch": importlib.util.find_spec("torch") is None and "torch is not installed",
    }
    for item in items:
        for marker, reason in missing.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=str(reason)))
