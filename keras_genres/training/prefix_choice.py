"""Whether keeping the frozen part pays, and where there is room for it."""

from keras_genres.input.cache import GIB, lack_of_room
from keras_genres.training.display import format_seconds

_LEAST_SECONDS = 20
"""Savings below this are not worth another way of training."""
_LEAST_SHARE = 0.1
"""The same, as a share of the time the frozen part takes without a cache."""


def pays(epochs, without, cost):
    """Decide whether keeping a stage's frozen part saves enough time.

    Args:
        epochs: Epochs of the stage, at most.
        without: Seconds that the frozen part takes in them when nothing is kept.
        cost: Seconds to compute what is kept.

    Returns:
        Whether it does, and why in words.
    """
    text = f"{format_seconds(cost)} to compute instead of {format_seconds(without)} in up to "
    text += count_epochs(epochs)
    if without - cost < max(_LEAST_SECONDS, _LEAST_SHARE * without):
        return False, f"it would save too little: {text}"
    return True, text


def choose_place(settings, size, others, folder):
    """Decide where activations are kept.

    Args:
        settings: `PrefixSettings`.
        size: Bytes of them.
        others: Bytes of activations that the run keeps already.
        folder: Folder of the disk cache.

    Returns:
        `disk` or `memory`, or `None` if there is no room; and what is lacking
        in the places that were passed over.
    """
    lacks = []
    if settings.place != "memory":
        lack = _disk_lacks(settings, size + others, folder)
        if lack is None:
            return "disk", ""
        lacks.append(lack)
    if settings.place != "disk":
        if size + others <= settings.memory_gib * GIB:
            return "memory", lacks[0] if lacks else ""
        lacks.append(f"over prefix.memory_gib={settings.memory_gib:g}")
    return None, " and ".join(lacks)


def _disk_lacks(settings, size, folder):
    if size > settings.disk_gib * GIB:
        return f"over prefix.disk_gib={settings.disk_gib:g}"
    # What earlier runs keep there may be removed to make room.
    old = sum(path.stat().st_size for path in folder.glob("prefix-*")) if folder.exists() else 0
    return lack_of_room(folder, max(0, size - old))


def count_epochs(count):
    """Return a number of epochs in words."""
    return "1 epoch" if count == 1 else f"{count} epochs"
