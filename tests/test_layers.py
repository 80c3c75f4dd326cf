"""Imports point down the floors, never up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import keras_genres

ROOT = Path(keras_genres.__file__).parent
FLOORS = {
    "__init__": 4,
    "cli": 4,
    "__main__": 4,
    "demo": 3,
    "bench": 3,
    "experiments": 3,
    "search": 3,
    "baselines": 2,
    "training": 2,
    "inference": 2,
    "evaluation": 2,
    "data": 2,
    "model": 1,
    "input": 1,
    "options": 0,
}
FORBIDDEN = {
    "ground": {"keras", "tensorflow", "jax", "pandas", "sklearn", "matplotlib", "PIL", "click"},
    "data": {"keras", "tensorflow", "jax"},
    "evaluation": {"keras", "tensorflow", "jax"},
    "input": {"keras", "jax"},
    "model": {"tensorflow", "jax"},
}


def room_of(path):
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return first if first in FLOORS else "ground"


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down_the_floors(path):
    room = room_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "keras_genres" and len(parts) > 1:
            other = parts[1] if parts[1] in FLOORS else "ground"
            assert FLOORS.get(other, 0) <= FLOORS.get(room, 0), f"{room} imports {name}"
        assert parts[0] not in FORBIDDEN.get(room, ()), f"{room} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def loaded_by(code):
    check = f"{code}\nimport sys; print(*sorted({{n.split('.')[0] for n in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "from keras_genres import Predictor",
        "import keras_genres.data.prepare, keras_genres.data.check, keras_genres.data.sample",
        "import keras_genres.evaluation.report, keras_genres.evaluation.thresholds",
    ],
)
def test_what_needs_no_keras_starts_without_it(code):
    assert not loaded_by(code) & {"keras", "tensorflow", "jax"}


HEAVY = {"keras", "tensorflow", "jax", "pandas", "sklearn", "scipy", "matplotlib"}


@pytest.mark.parametrize(
    "module", ["evaluation.report", "evaluation.thresholds", "data.check", "artefact"]
)
def test_commands_without_keras_begin_with_numpy_alone(module):
    assert not loaded_by(f"import keras_genres.{module}") & HEAVY


def test_a_report_is_made_without_scikit_learn(finished):
    code = "from keras_genres.evaluation.report import format_report\n"
    code += "from keras_genres.runs import Run\n"
    code += f"format_report(Run.open({str(finished.path)!r}))"
    assert not loaded_by(code) & (HEAVY - {"pandas"})


def test_help_starts_without_heavy_packages():
    code = "from click.testing import CliRunner; from keras_genres.cli import main\n"
    code += "assert CliRunner().invoke(main, ['fit', '--help']).exit_code == 0"
    assert not loaded_by(code) & HEAVY


def test_the_package_alone_imports_next_to_nothing():
    assert not loaded_by("import keras_genres") & (HEAVY | {"numpy", "PIL", "click"})
