"""Files are read as data: nothing in the package turns a file into code or objects."""

import ast
from pathlib import Path

import pytest

import keras_genres

ROOT = Path(keras_genres.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "enable_unsafe_deserialization",
    "read_pickle",
    "to_pickle",
    "unsafe_load",
    "full_load",
    "load_all",
}
OF_NUMPY, OF_KERAS = {"np", "numpy"}, {"keras", "saving", "models"}


def test_there_are_modules_to_look_at():
    assert len(MODULES) > 100


def findings(source):
    """Return what a module's source has that could run what a file says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(each.name for each in node.names)]
            found += [name for name in names if name.split(".")[0] in FORBIDDEN_MODULES]
        if isinstance(node, ast.Call):
            found += _of_call(node)
    return found


def _of_call(node):
    options = {each.arg: getattr(each.value, "value", None) for each in node.keywords}
    if isinstance(node.func, ast.Name):
        return [node.func.id] if node.func.id in FORBIDDEN_CALLS else []
    if not isinstance(node.func, ast.Attribute):
        return []
    name, owner = node.func.attr, node.func.value
    owner = getattr(owner, "id", None) or getattr(owner, "attr", "")
    # Of the calls below, `model.compile` and `re.compile` are no code from files.
    if name in FORBIDDEN_CALLS - {"compile"}:
        return [name]
    if name == "load" and owner in OF_NUMPY and options.get("allow_pickle") is not False:
        return ["np.load without allow_pickle=False"]
    if name == "read_array" and options.get("allow_pickle") is not False:
        return ["read_array without allow_pickle=False"]
    if options.get("allow_pickle"):
        return ["allow_pickle=True"]
    if name == "load" and owner == "torch":
        return ["torch.load"]
    if name == "load" and owner == "yaml" and not _is_our_loader(node):
        return ["yaml.load"]
    if name == "load_model" and owner in OF_KERAS and options.get("safe_mode") is not True:
        return ["load_model without safe_mode=True"]
    if options.get("shell"):
        return ["shell=True"]
    return []


def _is_our_loader(node):
    return len(node.args) == 2 and getattr(node.args[1], "id", "") == "_Loader"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_what_a_file_says(path):
    assert findings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import numpy as np\nnp.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.save(path, x, allow_pickle=True)",
        "yaml.load(text, yaml.Loader)",
        "yaml.unsafe_load(text)",
        "torch.load(path)",
        "keras.models.load_model(path)",
        "keras.saving.load_model(path, safe_mode=False)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "pd.read_pickle(path)",
    ],
)
def test_what_would_run_it_is_found(source):
    assert findings(source)


def test_the_loader_of_yaml_is_the_safe_one():
    import yaml

    from keras_genres.yaml_files import _Loader

    assert issubclass(_Loader, yaml.SafeLoader)
