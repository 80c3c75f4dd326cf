"""`bench predict`: scores of posters, ours against plain Keras and ONNX Runtime.

Three kinds of work, each with the same posters, size, batch size, precision
and cores: decoded posters in memory to scores, poster files to scores, and the
whole way of `keras-genres predict` from files to lines beside the scores alone
that plain Keras makes of decoded posters: what reading costs. Beside the speed
stands the largest score difference to ours on decoded posters: a faster way
that scores something else is none.
"""

import contextlib
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from keras_genres.artefact import read_metadata
from keras_genres.bench.machine import describe_machine, use_cores
from keras_genres.bench.measure import Contender, Measure, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers, peer_versions
from keras_genres.bench.posters import read_once, some_posters
from keras_genres.bench.result import Result
from keras_genres.bench.worker import once
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.inference.load import load_network
from keras_genres.inference.outputs import line_of
from keras_genres.inference.predictor import Predictor
from keras_genres.inference.runtimes import Runtime
from keras_genres.input.cache import keep_decoded
from keras_genres.input.pipeline import PosterSource, evaluation_batches
from keras_genres.model.network import build_network
from keras_genres.runs import Run
from keras_genres.settings import InputSettings, ModelSettings

PEERS = (
    Peer("keras-predict"),
    Peer("onnxruntime", ("onnxruntime", "tf2onnx"), ("onnxruntime", "tf2onnx", "onnx")),
)
MEASURES = (
    Measure("posters_per_second", "speed", "posters/s"),
    Measure("posters_per_cpu_second", "speed of a core", "posters/s of CPU time"),
    Measure("score_difference", "largest score difference", "", "neither"),
)
DECODED, FILES, WHOLE = "decoded posters", "poster files", "files beside decoded posters"
_NOTES = {
    ("ours", DECODED): "batches of evaluation through network.predict, as fit scores validation",
    ("ours", FILES): "serve_bytes of the exported SavedModel, given the bytes of a batch",
    ("keras-predict", DECODED): "model.predict on one stacked float32 array",
    (
        "keras-predict",
        FILES,
    ): "keras.utils.load_img one by one (Pillow, bilinear, squeezed), then predict",
    ("ours", WHOLE): "keras-genres predict: poster files to lines of JSON",
    ("keras-predict", WHOLE): "model.predict on one stacked float32 array, no file read",
    ("onnxruntime", DECODED): "the ONNX export on batches of the same array",
    ("onnxruntime", FILES): "keras.utils.load_img one by one, then the ONNX export",
}


def bench_predict(
    run=None,
    data=None,
    *,
    backbone="mobilenetv2",
    weights="none",
    posters=320,
    size=None,
    batch_size=64,
    rounds=5,
    threads=None,
    peers=(),
    seed=0,
    note=lambda line: None,
):
    """Time the scoring of posters.

    Args:
        run: Run folder whose model is taken; `None` for a network with a fresh head.
        data: Prepared posters; `None` to draw some.
        backbone: Name in the table of backbones, without a run.
        weights: `imagenet`, `none` or a weight file, without a run.
        posters: How many.
        size: `(height, width)` in pixels, without a run; `None` for the backbone's own.
        batch_size: Posters scored at a time.
        rounds: How often each contender works.
        threads: CPU cores to use; `None` for all.
        peers: Names of peers; empty for all.
        seed: Seed of posters and network.
        note: Called with a line before each piece of work.

    Returns:
        A `Result`.

    Raises:
        UserError: For what the user can mend: no run, unknown names, too few posters or cores.
    """
    names, left_out = choose_peers(PEERS, peers)
    if run is not None and size is not None:
        raise UserError("--size belongs to --backbone; a run folder has its own size.")
    run = None if run is None else Run.open(run)
    model_file = None if run is None else run.whole(run.model_file)
    with use_cores(threads) as use, contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keras-genres-")))
        found, where = stack.enter_context(some_posters(data, posters, seed, note))
        read_once(found.paths)
        if run is None:
            model_file, fit = scratch / "model.keras", "squeeze"
            keras.utils.set_random_seed(seed)
            build_network(ModelSettings(backbone, weights), *(size or ())).save(model_file)
        else:
            fit = read_metadata(model_file)["fit"]
        network = load_network(model_file)
        note(f"Exporting: SavedModel{', ONNX' * ('onnxruntime' in names)}")
        arguments = {
            "model_file": str(model_file),
            "folder": str(scratch),
            "fit": fit,
            "with_onnx": "onnxruntime" in names,
        }
        # The graph has to be TensorFlow's; under JAX another process writes it.
        if keras.backend.backend() == "tensorflow":
            exporter(**arguments)()
        else:
            tensorflow = {"KERAS_BACKEND": "tensorflow"}
            once("keras_genres.bench.predict:exporter", arguments, tensorflow)
        height, width = network.input_shape[1:3]
        work = _Work(network, found.paths, height, width, fit, batch_size)
        wanted = work.batches()
        serve = _server(scratch / "saved_model")
        ways = {("ours", DECODED): work.batches, ("ours", FILES): lambda: work.files(serve)}
        ways["ours", WHOLE] = work.lines
        if "keras-predict" in names:
            ways["keras-predict", WHOLE] = lambda: work.predict(work.stacked)
            ways["keras-predict", DECODED] = lambda: work.predict(work.stacked)
            ways["keras-predict", FILES] = lambda: work.predict(work.loaded())
        if "onnxruntime" in names:
            score = _onnx(scratch / "model.onnx", use.used)
            ways["onnxruntime", DECODED] = lambda: work.each(score, work.stacked)
            ways["onnxruntime", FILES] = lambda: work.each(score, work.loaded())
        contenders = [
            Contender(what, who, _timed(way, wanted), who == "ours", f"{what}: {_NOTES[who, what]}")
            for (who, what), way in ways.items()
        ]
        timings = run_rounds(contenders, rounds, note)
        machine = describe_machine(use, peer_versions(PEERS, names))
    return Result(
        "predict",
        summarise(contenders, MEASURES, timings),
        timings,
        {"posters": f"{len(found)} ({where})", "size": f"{height} × {width}"}
        | {"batch_size": batch_size, "precision": network.dtype_policy.name}
        | {"model": network.name if run is None else str(run)}
        | {"rounds": rounds, "seed": seed},
        machine,
        [f"{one.who}, {one.note}" for one in contenders],
        left_out,
    )


class _Work:
    """The work that all contenders do."""

    def __init__(self, network, paths, height, width, fit, batch_size):
        self.network = network
        self.paths = paths
        self.size = (height, width)
        self.fit = fit
        self.batch_size = batch_size
        settings = InputSettings(cache="memory", cache_memory_gib=1e6, fit=fit)
        self.source = PosterSource(paths, height, width, settings)
        self.source.prepare()
        self.stacked = keep_decoded(paths, height, width, settings)[0].astype(np.float32)
        told = {"height": height, "width": width, "fit": fit}
        runtime = Runtime("keras", told, self._score, dict.fromkeys(GENRES, 0.5), network)
        self.predictor = Predictor(runtime, batch_size)

    def _score(self, images):
        return keras.ops.convert_to_numpy(self.network.predict_on_batch(images.astype("float32")))

    def batches(self):
        batches = evaluation_batches(self.source, self.batch_size)
        return self.network.predict(batches, verbose=0)[: len(self.paths)]

    def predict(self, images):
        return self.network.predict(images, batch_size=self.batch_size, verbose=0)

    def lines(self):
        scores = np.zeros((len(self.paths), len(GENRES)), np.float32)
        for row, found in enumerate(self.predictor.stream(self.paths)):
            line_of("jsonl", found)
            scores[row] = [found.scores[genre] for genre in GENRES]
        return scores

    def files(self, serve):
        def read(paths):
            return serve([Path(path).read_bytes() for path in paths])

        return self.each(read, self.paths)

    def each(self, score, posters):
        starts = range(0, len(posters), self.batch_size)
        return np.concatenate([score(posters[at : at + self.batch_size]) for at in starts])

    def loaded(self):
        return np.stack([self._load(path) for path in self.paths])

    def _load(self, path):
        image = keras.utils.load_img(path, target_size=self.size, interpolation="bilinear")
        return keras.utils.img_to_array(image)


def _server(folder):
    import tensorflow as tf

    # The loaded model is kept by the function, or its variables would go.
    model = tf.saved_model.load(str(folder))
    serve = model.signatures["serve_bytes"]

    def score(files, model=model):
        return serve(image_bytes=tf.constant(files))["scores"].numpy()

    return score


def exporter(model_file, folder, fit, with_onnx):
    """Return a function that writes `saved_model/` and `model.onnx` into a folder."""

    def run():
        from keras_genres.inference.exports.onnx import write_onnx
        from keras_genres.inference.exports.saved_model import write_saved_model

        network = load_network(model_file)
        write_saved_model(network, Path(folder) / "saved_model", fit)
        if with_onnx:
            write_onnx(network, Path(folder) / "model.onnx", {})
        return {}

    return run


def _onnx(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(path), options, providers=onnxruntime.get_available_providers()
    )
    (taken,) = session.get_inputs()
    return lambda images: session.run(None, {taken.name: images})[0]


def _timed(way, wanted):
    way()  # the first time is spent on tracing and planning

    def run():
        started, cpu = time.perf_counter(), time.process_time()
        scores = way()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        return {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "posters": len(scores),
            "posters_per_second": len(scores) / seconds,
            "posters_per_cpu_second": len(scores) / max(cpu, 1e-9),
            "score_difference": float(np.abs(scores - wanted).max()),
        }

    return run
