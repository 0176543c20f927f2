"""What a command imports: people on call should not wait for torch to be told the lag."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["lookalike", "workers.cli.program", "streams.lag", "schemas.registry"])
def test_light(module: str) -> None:
    """Neither torch nor transformers nor pymilvus nor Faust is loaded before a command needs it."""
    code = f"import sys, {module}; print({{'torch', 'transformers', 'pymilvus', 'faust'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
