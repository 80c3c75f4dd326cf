"""Poster files to pixels, in TensorFlow graph operations only.

Training, evaluation and the exported model call the same functions, so a
poster has the same pixels everywhere.
"""

import tensorflow as tf

DECODER_VERSION = 1
"""Rises when the pixels of any poster change: kept pixels of another version are not used."""

FITS = ("squeeze", "crop", "pad")


def decode_poster(data, height, width, fit="squeeze"):
    """Return the pixels of one poster file.

    The decoder is the slow, exact one (`INTEGER_ACCURATE`): it gives what
    Pillow gives, where TensorFlow's default differs by a few levels.

    Args:
        data: Scalar string tensor: the bytes of a JPEG or PNG file. Grey is
            expanded to RGB; alpha is dropped, 16 bits become 8. (`data
            prepare` has turned such files into plain RGB beforehand.)
        height: Rows of the result in pixels.
        width: Columns of the result in pixels.
        fit: `squeeze`, `crop` or `pad`, as in `resize_poster`.

    Returns:
        uint8 RGB tensor of shape `(height, width, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: If the bytes are no whole JPEG or PNG
            file.
    """
    # One kernel decodes both: decode_jpeg takes PNG files too, and is the
    # only one of the family that takes dct_method.
    image = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    return resize_poster(image, height, width, fit)


def decode_posters(data, height, width, fit="squeeze"):
    """Return the pixels of several poster files.

    Args:
        data: String tensor of shape `(posters,)`.
        height, width, fit: As in `decode_poster`.

    Returns:
        uint8 RGB tensor of shape `(posters, height, width, 3)`.
    """
    return tf.map_fn(
        lambda one: decode_poster(one, height, width, fit),
        data,
        fn_output_signature=tf.TensorSpec((height, width, 3), tf.uint8),
    )


def resize_poster(image, height, width, fit="squeeze"):
    """Return a picture in the shape the network sees.

    Bilinear with antialiasing, computed in float32, rounded to whole levels.

    Args:
        image: uint8 tensor of shape `(rows, columns, 3)`.
        height: Rows of the result in pixels.
        width: Columns of the result in pixels.
        fit: `squeeze` changes the aspect, `crop` keeps it and takes the
            largest centred part, `pad` keeps it and adds black bars.

    Returns:
        uint8 tensor of shape `(height, width, 3)`.

    Raises:
        ValueError: If `fit` is none of the three.
    """
    if fit not in FITS:
        raise ValueError(f"`fit` must be one of {', '.join(FITS)}. Received: {fit!r}")
    if fit == "crop":
        image = _crop_to_aspect(image, height, width)
    size = _size_inside(image, height, width) if fit == "pad" else (height, width)
    # Given bytes it computes in float32 all the same, without four times the
    # memory of the whole picture.
    image = tf.image.resize(image, size, "bilinear", antialias=True)
    image = tf.saturate_cast(tf.round(image), tf.uint8)
    if fit == "pad":
        rows, columns = (height - size[0]) // 2, (width - size[1]) // 2
        image = tf.image.pad_to_bounding_box(image, rows, columns, height, width)
    return tf.ensure_shape(image, (height, width, 3))


# Sizes are computed in whole numbers, so that a rounding of floats never
# makes a poster one pixel taller on another machine.


def _crop_to_aspect(image, height, width):
    rows, columns = _rows_and_columns(image)
    kept_rows = tf.minimum(rows, _rounded_ratio(columns * height, width))
    kept_columns = tf.minimum(columns, _rounded_ratio(rows * width, height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return image[top : top + kept_rows, left : left + kept_columns]


def _size_inside(image, height, width):
    rows, columns = _rows_and_columns(image)
    tall = tf.minimum(tf.constant(height, tf.int64), _rounded_ratio(rows * width, columns))
    wide = tf.minimum(tf.constant(width, tf.int64), _rounded_ratio(columns * height, rows))
    return tf.cast(tf.stack([tall, wide]), tf.int32)


def _rows_and_columns(image):
    shape = tf.shape(image, out_type=tf.int64)
    return shape[0], shape[1]


def _rounded_ratio(numerator, denominator):
    return tf.maximum(tf.constant(1, tf.int64), (2 * numerator + denominator) // (2 * denominator))
