"""Model files from strangers: looked at before Keras, TensorFlow or HDF5 act on them."""

import io
import json
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_genres import hdf5
from keras_genres.archive import require_known_network
from keras_genres.artefact import read_metadata
from keras_genres.errors import UserError
from keras_genres.hdf5 import FilePart, require_plain_weights
from keras_genres.inference.export import check_posters
from keras_genres.inference.load import load_network
from keras_genres.manifest import update_manifest
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.network import build_network
from keras_genres.runs import Run
from keras_genres.settings import ModelSettings


@pytest.fixture
def model(finished, tmp_path):
    """A copy of a model of ours."""
    return shutil.copy(finished.model_file, tmp_path / "model.keras")


def rewrite(model, change, **options):
    """Write an archive again; `change(entries)` gets and may change `{name: bytes}`."""
    with zipfile.ZipFile(model) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(model, "w", **options) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def rewrite_config(model, change):
    def changed(entries):
        config = json.loads(entries["config.json"])
        change(config["config"]["layers"])
        entries["config.json"] = json.dumps(config).encode()

    rewrite(model, changed)


def rewrite_weights(model, change):
    def changed(entries):
        buffer = io.BytesIO(entries["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            change(file)
        entries["model.weights.h5"] = buffer.getvalue()

    rewrite(model, changed)


def refused(model, match):
    """Expect one line from the check, and the same from loading."""
    for use in (require_known_network, load_network):
        with pytest.raises(UserError, match=match) as caught:
            use(model)
        assert "\n" not in str(caught.value)


def test_a_model_of_ours_passes_and_loads(model):
    require_known_network(model)
    assert load_network(model).output_shape == (None, 19)


@pytest.mark.parametrize(
    "name", ["../escape.txt", "/etc/cron.d/x", "assets/vocabulary.txt", "a\\b"]
)
def test_entries_of_other_names_are_refused(model, name):
    rewrite(model, lambda entries: entries.update({name: b"x"}))
    refused(model, "which no network of keras-genres has")


def test_a_bomb_in_the_archive_is_refused_before_it_is_opened(model):
    rewrite(
        model,
        lambda entries: entries.update({"config.json": b" " * 50_000_000}),
        compression=zipfile.ZIP_DEFLATED,
    )
    refused(model, "packed or locked")
    rewrite(model, lambda entries: entries.update({"config.json": b" " * 20_000_000}))
    refused(model, "too large")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_stands_twice_is_refused(model):
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("config.json", "{}")
    refused(model, "'config.json' twice")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_model_without_a_part_is_refused(model, name):
    rewrite(model, lambda entries: entries.pop(name))
    refused(model, f"has no {name}")


def layer(class_name, module, registered_name=None, **config):
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": "evil", **config},
        "registered_name": registered_name,
        "inbound_nodes": [],
        "name": "evil",
    }


@pytest.mark.parametrize(
    "evil",
    [
        layer("Lambda", "keras.layers", function={"class_name": "__lambda__", "config": {}}),
        layer("TFSMLayer", "keras.layers", filepath="/tmp/evil"),
        layer("TorchModuleWrapper", "keras.layers"),
        layer("StringLookup", "keras.layers", vocabulary="/etc/passwd"),
        layer("system", "os", command="true"),
        layer("Popen", "subprocess"),
        layer("Mine", "keras_genres.model.own", "Custom>Mine"),
        layer("Dense", "keras.layers", "Package>Dense", units=3),
        layer("function", "builtins"),
        layer(["Dense"], "keras.layers"),
        layer("Dense", {"a": 1}),
    ],
    ids=lambda evil: str(evil["class_name"]),
)
def test_classes_that_our_networks_do_not_have_are_refused(model, evil):
    rewrite_config(model, lambda layers: layers.insert(1, evil))
    refused(model, "which no network of keras-genres has")


def test_code_in_an_activation_is_refused(model):
    def change(layers):
        layers[-1]["config"]["activation"] = {"class_name": "__lambda__", "config": {"value": "x"}}

    rewrite_config(model, change)
    refused(model, "names the class '__lambda__'")


def test_a_network_larger_than_its_weights_is_refused_before_memory_is_taken(model):
    def change(layers):
        layers[-1]["config"]["units"] = 900_000

    rewrite_config(model, change)
    refused(model, "another network")
    rewrite_config(model, lambda layers: layers[-1]["config"].update(units=10**12))
    refused(model, "does not describe a network")
    rewrite_config(model, lambda layers: layers[-1].pop("build_config"))
    refused(model, "does not describe a network")


def test_the_description_of_another_network_is_refused(model, tmp_path):
    other = tmp_path / "other.keras"
    build_network(ModelSettings(backbone="mobilenetv3small", weights="none"), 32, 32).save(other)
    with zipfile.ZipFile(other) as archive:
        config = archive.read("config.json")
    rewrite(model, lambda entries: entries.update({"config.json": config}))
    with pytest.raises(UserError, match=r"another network|cannot be loaded"):
        load_network(model)


def test_a_network_of_other_scores_is_refused(tmp_path):
    images = keras.Input((32, 32, 3))
    scores = keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(images))
    keras.Model(images, scores).save(tmp_path / "seven.keras")
    with pytest.raises(UserError, match=r"makes \(None, 7\)"):
        load_network(tmp_path / "seven.keras")


def test_a_network_that_fills_the_memory_with_one_poster_is_refused(tmp_path):
    images = keras.Input((32, 32, 3))
    wide = keras.layers.ZeroPadding2D(5000)(images)
    scores = keras.layers.Dense(19)(keras.layers.GlobalAveragePooling2D()(wide))
    keras.Model(images, scores).save(tmp_path / "wide.keras")
    with pytest.raises(UserError, match="numbers of each poster"):
        load_network(tmp_path / "wide.keras")


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a": 1, "a": 2}', b"{", b"null", b"[]", b"\xff"]
)
def test_a_description_that_is_no_json_object_is_one_line(model, text):
    rewrite(model, lambda entries: entries.update({"config.json": text}))
    refused(model, r"config\.json in|does not describe")


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": {}},
        {"thresholds": 3},
        {"genres": ["Action"]},
        {"height": 10**9},
        {"height": "96"},
        {"fit": None},
    ],
)
def test_metadata_of_another_kind_are_refused(model, change):
    def changed(entries):
        metadata = json.loads(entries["keras_genres.json"]) | change
        entries["keras_genres.json"] = json.dumps(metadata).encode()

    rewrite(model, changed)
    with pytest.raises(UserError, match="does not tell genres"):
        read_metadata(model)


# Weights


def first_array(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names[0]


def external_link(file):
    file["more"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file):
    file["more"] = h5py.SoftLink("/layers")


def hard_link(file):
    file["layers"]["again"] = file["layers"]


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("more", layout)


def external_storage(file):
    file.create_dataset("more", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def claimed(file):
    file.create_dataset("more", (10**12,), "f4")  # takes no room until it is written


def packed(file):
    file.create_dataset("more", (1000, 1000), "f4", compression="gzip", data=np.zeros((1000, 1000)))


def chunked(file):
    file.create_dataset("more", (10**6, 10**6), "f4", chunks=(10, 10))


def compound(file):
    file.create_dataset("more", data=np.zeros(3, [("a", "f4"), ("b", "i4")]))


def strings(file):
    file.create_dataset("more", data=["a", "b"], dtype=h5py.string_dtype())


def references(file):
    file.create_dataset("more", data=[file.ref], dtype=h5py.ref_dtype)


def nothing(file):
    file.create_dataset("more", data=h5py.Empty("f4"))


def a_type(file):
    file["more"] = np.dtype("f8")


def deep(file):
    place = file
    for _ in range(80):
        place = place.create_group("g")


HOSTILE = (
    (external_link, "a link to another place"),
    (soft_link, "a link to another place"),
    (hard_link, "in two places"),
    (virtual, "in another file"),
    (external_storage, "in another file"),
    (claimed, "claims an array|claims arrays"),
    (packed, "in pieces"),
    (chunked, "in pieces"),
    (compound, "float16 or float32 is expected"),
    (strings, "float16 or float32 is expected"),
    (references, "float16 or float32 is expected"),
    (nothing, "float16 or float32 is expected"),
    (a_type, "neither group nor array"),
    (deep, "deep"),
)


@pytest.mark.parametrize("change, said", HOSTILE, ids=lambda each: getattr(each, "__name__", ""))
def test_weights_hold_plain_arrays_and_nothing_else(model, change, said):
    rewrite_weights(model, change)
    with pytest.raises(UserError, match=said) as caught:
        require_known_network(model)
    assert "\n" not in str(caught.value)


def test_arrays_of_one_place_cannot_claim_more_than_the_file(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for number in range(4):
            file[f"a{number}"] = np.zeros(1000, "f4")
    with h5py.File(path) as file:
        assert require_plain_weights(file, "it", path.stat().st_size) == 4000
        with pytest.raises(UserError, match="more bytes than it has"):
            require_plain_weights(file, "it", 15_000)


def test_a_part_of_a_file_is_read_as_a_file():
    part = FilePart(io.BytesIO(b"0123456789"), 3, 4)
    assert part.read() == b"3456" and part.read() == b"" and part.tell() == 4
    assert part.seek(-2, 2) == 2 and part.read(9) == b"56"
    assert part.seek(1) == 1 and part.seek(1, 1) == 2
    buffer = bytearray(4)
    assert part.readinto(buffer) == 2 and bytes(buffer) == b"56\0\0"
    assert part.seek(99) == 99 and part.read() == b""


def test_a_file_that_crashes_its_reader_is_one_line(model, tmp_path, monkeypatch):
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(hdf5, "_CHILD", crash)
    with pytest.raises(UserError, match=r"HDF5 crashes on it \(SIGSEGV\)") as caught:
        require_known_network(model)
    assert "\n" not in str(caught.value)


def test_no_module_of_the_working_folder_looks_at_weights(model, tmp_path, monkeypatch):
    (tmp_path / "h5py.py").write_text("raise SystemExit('taken from the working folder')")
    monkeypatch.chdir(tmp_path)
    require_known_network(model)


# What a run folder may name


def test_only_posters_are_read_of_what_a_run_folder_names(finished, tmp_path):
    """A stranger's run may name any file of the machine, and files without an end."""
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    assert len(check_posters(run)) == len(run.predictions("val").filenames)
    for folder in ("/dev", "/etc", "/proc/self", str(tmp_path)):
        environment = json.loads(run.environment_file.read_text()) | {"data": folder}
        run.environment_file.write_text(json.dumps(environment))
        update_manifest(run.path, [run.environment_file])
        assert check_posters(run) == []
    secret = tmp_path / "posters"
    secret.mkdir()
    (secret / "a.jpg").write_bytes(b"no picture")
    (secret / "b.jpg").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="no readable JPEG or PNG"):
        check_posters(run, secret)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_network_of_ours_passes(name, tmp_path):
    keras.backend.clear_session()
    row = BACKBONES[name]
    size = max(64, row.smallest)
    network = build_network(ModelSettings(backbone=name, weights="none", pooling="max"), size, size)
    network.save(tmp_path / "model.keras")
    require_known_network(tmp_path / "model.keras")
    assert load_network(tmp_path / "model.keras").input_shape == (None, size, size, 3)
