"""A model as a callable for `ray.data.Dataset.map_batches`: catalogues on many machines."""

import os
from functools import partial

import pyarrow as pa

from keras_genres.data.quality import PictureError
from keras_genres.genres import GENRES
from keras_genres.inference.fetching import fetch, is_url
from keras_genres.inference.predictor import Predictor
from keras_genres.inference.sources import Found, read_file

ADDED = pa.schema(
    [
        ("genres", pa.list_(pa.string())),
        ("scores", pa.struct([(genre, pa.float32()) for genre in GENRES])),
        ("error", pa.string()),
    ]
)
"""The columns that are added. A poster that could not be read has no scores."""


class PredictBatch:
    """Adds genres, scores and errors to batches of posters.

    Ray makes one of it in each worker, which loads the model once. Model and
    files must lie where every worker reads them. Rows keep their order.

    Args:
        model: Run folder, `.keras` file or exported model.
        column: Column with paths and URLs, or with the bytes of files; `None`
            for `bytes`, or else `path`.
        batch_size: Posters that go through the network together.
        tta: `flip` or `None`, as for `Predictor.predict`.
        threads: Threads of TensorFlow in a worker: what Ray is told as
            `num_cpus`. `None`: as many as the machine has.
        allow_private: Also fetch URLs from addresses that are not public.

    Example:
        The same lines run on one machine after `ray.init()` and on a cluster
        after `ray.init("auto")`.

        >>> import ray
        >>> from keras_genres.inference.ray_batches import PredictBatch
        >>> posters = ray.data.read_csv("/shared/films.csv")  # with a column `path`
        >>> genres = posters.map_batches(
        ...     PredictBatch,
        ...     fn_constructor_kwargs={"model": "/shared/runs/v2s", "threads": 2},
        ...     batch_format="pyarrow",
        ...     batch_size=256,
        ...     num_cpus=2,
        ...     concurrency=(1, 64),
        ... )
        >>> genres.write_parquet("/shared/genres")
    """

    def __init__(
        self, model, column=None, batch_size=32, tta=None, threads=None, allow_private=False
    ):
        if threads is not None:
            # TensorFlow reads it as it starts; each worker would else take all cores.
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
        self._predictor = Predictor.load(model, batch_size)
        self._column = column
        self._tta = tta
        self._fetch = partial(fetch, allow_private=allow_private)

    def __call__(self, batch):
        """Return a batch with the columns `genres`, `scores` and `error` added.

        Args:
            batch: A `pyarrow.Table`; columns of these names are replaced.

        Raises:
            ValueError: For a batch of another kind, or without the column.
        """
        if not isinstance(batch, pa.Table):
            raise ValueError(
                '`batch` must be a pyarrow.Table: give map_batches batch_format="pyarrow". '
                f"Received: {type(batch).__name__}"
            )
        column = self._column or ("bytes" if "bytes" in batch.column_names else "path")
        if column not in batch.column_names:
            raise ValueError(f"`batch` has no column {column!r}. Received: {batch.column_names}")
        found = map(self._found, batch[column].to_pylist())
        told = [prediction.to_dict() for prediction in self._predictor.stream(found, tta=self._tta)]
        for row in told:
            row["scores"] = row["scores"] or None
        for field in ADDED:
            values = pa.array([row[field.name] for row in told], field.type)
            at = batch.schema.get_field_index(field.name)
            put = batch.append_column if at < 0 else partial(batch.set_column, at)
            batch = put(field, values)
        return batch

    def _found(self, value):
        if isinstance(value, bytes) and value:
            return Found("the picture", lambda: value)
        if isinstance(value, str) and is_url(value):
            return Found(value, partial(self._fetch, value))
        if isinstance(value, str) and value:
            return Found(value, partial(read_file, value, value))
        return Found("", _nothing)


def _nothing():
    raise PictureError("", "missing", "an empty cell")
