"""Whatever schemathesis makes of the OpenAPI document, answers are as it says, and never 500."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from serving import served

pytestmark = pytest.mark.slow

# 413 is no less a refusal.
SETTINGS = """
[checks]
negative_data_rejection.expected-statuses = [400, 405, 406, 413, 415, 422]
"""


def test_answers_are_as_openapi_says_and_never_500(finished, tmp_path):
    pytest.importorskip("schemathesis")
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    folder = Path(__file__).parent
    with served(finished.path, "--body-mb", "1", "--megapixels", "1") as (_, host, port):
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from schemathesis.cli import schemathesis as run; run()"),
                *("--config-file", str(tmp_path / "schemathesis.toml")),
                *("run", f"http://{host}:{port}/openapi.json", "--checks", "all"),
                # A form that fits may still hold no poster.
                *("--exclude-checks", "positive_data_acceptance"),
                *("--max-examples", "100", "--seed", "1"),
            ],
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
        )
    print(done.stdout[-5000:])
    assert done.returncode == 0
    assert "6 selected / 6 total" in done.stdout
