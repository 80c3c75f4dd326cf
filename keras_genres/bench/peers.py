"""Whom we are measured against, and which of them are installed."""

import importlib.metadata
import importlib.util
from dataclasses import dataclass

from keras_genres.errors import UserError

INSTALL = "pip install 'keras-genres[bench]'"


@dataclass(frozen=True)
class Peer:
    """A package, or a usual way, to do the same work."""

    name: str
    """Name of `--peer`."""
    modules: tuple = ()
    """What must be importable."""
    packages: tuple = ()
    """Distributions whose versions are told."""
    lacks: str = ""
    """Why it cannot be measured here whatever is installed; empty: it can."""
    install: str = INSTALL
    """How to get what is missing."""


def choose_peers(known, asked=()):
    """Sort peers into those that can be measured and lines about the others.

    Args:
        known: The `Peer`s of a bench.
        asked: Names given by the user; empty for all.

    Returns:
        Names that can be measured, in the order of `known`, and a line for
        each other one.

    Raises:
        UserError: If a peer asked for by name is not known or cannot be measured.
    """
    names = [peer.name for peer in known]
    for name in asked:
        if name not in names:
            raise UserError(f"--peer must be one of {', '.join(names)}. Received: {name!r}")
    present, lines = [], []
    for peer in known:
        if asked and peer.name not in asked:
            continue
        absent = [name for name in peer.modules if importlib.util.find_spec(name) is None]
        line = f"{peer.name}: {peer.lacks}"
        if not peer.lacks and absent:
            line = f"{peer.name}: not installed ({', '.join(absent)}): {peer.install}"
        elif not peer.lacks:
            present.append(peer.name)
            continue
        if asked:
            raise UserError(f"--peer {line}")
        lines.append(line)
    return present, lines


def peer_versions(known, names):
    """Return the version of every package behind the peers of these names."""
    found = {}
    for package in (package for peer in known if peer.name in names for package in peer.packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found
