"""YAML files of settings, read as plain data.

The safe loader makes no objects, but a file of a few lines may still stand
for billions of nodes, name a key twice or nest without end. Settings need
none of that, so aliases, tags and depth are refused.
"""

import yaml

from keras_genres.errors import UserError
from keras_genres.setting_values import shorten

_MOST_BYTES = 2**20
_DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases, tags, double keys and depth."""

    depth = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse("an anchor (&) or alias (*), which settings do not need", event)
        if event.tag is not None:
            self._refuse("a tag (!), which settings do not need", event)
        self.depth += 1
        if self.depth > _DEEPEST:
            self._refuse("lists or sections too deep in one another", event)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                self._refuse("a key that is no name", key)
            if key.value in seen:
                self._refuse(f"{shorten(key.value)} twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def _refuse(self, what, place):
        raise yaml.MarkedYAMLError(problem=f"it holds {what}", problem_mark=place.start_mark)


def read_yaml(path):
    """Return the settings in a YAML file as `{"section.name": value}`.

    Raises:
        UserError: If the file cannot be read or does not hold sections.
    """
    return _flatten(read_plain(path), path)


def read_plain(path):
    """Return what a YAML file holds as a dictionary of plain values.

    Raises:
        UserError: If the file cannot be read or does not hold a dictionary.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    return _parse(data, path)


def parse_yaml(data, name):
    """Return the settings in the bytes of a YAML file as `{"section.name": value}`.

    Args:
        data: The bytes.
        name: What to call them in a message.

    Raises:
        UserError: If they are not plain YAML or do not hold sections.
    """
    return _flatten(_parse(data, name), name)


def _parse(data, name):
    if len(data) > _MOST_BYTES:
        raise UserError(f"{name} is not YAML of settings: more than {_MOST_BYTES >> 20} MiB.")
    try:
        values = yaml.load(data.decode("utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(
            f"{name} is not YAML of settings: {_words(error.problem)}{where}."
        ) from None
    except (yaml.YAMLError, ValueError) as error:  # dates and numbers that are none
        raise UserError(f"{name} is not YAML of settings: {_words(error)}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(
            f"{name} must hold sections such as `training:`. Received: {type(values).__name__}"
        )
    return values


def _words(error):
    return " ".join(str(error).split())[:200]


def _flatten(values, name):
    flat = {}
    for section, parts in values.items():
        if not isinstance(parts, dict):
            raise UserError(
                f"{name}: {shorten(section)} must be a section with settings below it. "
                f"Received: {shorten(parts)}"
            )
        for key, value in parts.items():
            if not isinstance(section, str) or not isinstance(key, str):
                raise UserError(
                    f"{name}: a setting must have a name. Received: {shorten(key)} in "
                    f"{shorten(section)}"
                )
            flat[f"{section}.{key}"] = value
    return flat
