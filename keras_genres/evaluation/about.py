"""What a report says of its run: what was trained, on what, where and by which command.

A report is sent to others: folders of the machine are named by their last
part only.
"""

import re
from dataclasses import dataclass

from keras_genres.evaluation.compare.facts import clean, read_facts
from keras_genres.evaluation.history import read_history
from keras_genres.settings import Settings, describe_settings
from keras_genres.split import SPLITS

_DIGITS = 12  # of a hash: enough to tell two apart by eye
_OPTION = re.compile(r"\s(?=--?[A-Za-z])")
# From the root, a home, a parent folder or a drive; not the slash within a relative path.
_PATH = re.compile(r"(?:(?<![\w./~\\-])(?:~|\.\.)?/|(?<![\w./~\\-])(?:[A-Za-z]:)?\\|\b[A-Za-z]:/)")


@dataclass(frozen=True)
class About:
    """A run for a reader. What is not known is left out."""

    title: str
    """Its title, else its backbone."""
    cut: str
    """How it was cut to size, a sentence; empty if it was not."""
    trained: list
    """What was trained and on what: pairs of texts."""
    made_by: list
    """Command, versions and machine: pairs of texts."""


def about_run(run):
    """Return the `About` of a `Run`."""
    facts, environment = read_facts(run), run.environment()
    return About(
        title=clean(environment.get("title")) or facts.backbone or facts.kind,
        cut=hide_paths(facts.cut),
        trained=_known(_trained(run, facts, environment)),
        made_by=_known(_made_by(facts, environment)),
    )


def _known(rows):
    return [(name, text) for name, text in rows if text]


def _trained(run, facts, environment):
    split = run.split()
    posters = {name: split.splits[name]["posters"] for name in SPLITS}
    groups = sum(split.splits[name]["groups"] for name in SPLITS)
    counts = f"{posters['train']:,} training, {posters['val']:,} validation, "
    yield "Network", _network(facts)
    yield "Members", _members(environment)
    yield "Weights", facts.weight_file or facts.weights
    yield "Input", _input(facts.settings.input) if facts.backbone else ""
    yield "Posters", f"{counts}{posters['test']:,} test, in {groups:,} groups"
    yield "Data", _text(environment.get("data"))
    yield "Split", f"seed {split.seed}, SHA-256 {split.sha256[:_DIGITS]}…"
    yield "Cut", hide_paths(facts.cut)
    yield "Training", _training(run, facts)
    yield "Time", _time(facts, environment)


def _made_by(facts, environment):
    packages = environment.get("packages")
    packages = packages if isinstance(packages, dict) else {}
    listed = [f"{clean(name)} {clean(each)}" for name, each in packages.items() if clean(each)]
    yield "Command", _text(environment.get("command"))
    yield "keras-genres", clean(environment.get("keras_genres"))
    yield "Commit", clean(environment.get("git_commit"))
    yield "Python", clean(environment.get("python"))
    yield "Packages", ", ".join(listed)
    yield "Backend", clean(environment.get("backend"))
    yield "System", clean(environment.get("platform"))
    yield "Time", _time(facts, environment)


def settings_rows(run):
    """Return what `settings.yaml` holds: dictionaries of `name, value, meaning, is_changed`.

    A baseline has few settings; the others would speak of what was not done.
    """
    values, saved = run.settings().to_dict(), run.counted_settings()
    rows = []
    for name, default, meaning in describe_settings(Settings):
        if name not in saved:
            continue
        section, _, key = name.partition(".")
        value = values[section][key]
        rows.append(
            {
                "name": name,
                "value": "" if value is None else _text(str(value)),
                "meaning": meaning or "",
                "is_changed": value != default,
            }
        )
    return rows


def hide_paths(text):
    """Return text in which a path of this machine is its last part only.

    A command is saved without quotes, so a path with spaces ends where the
    next option begins, not at the first space.

    Example:
        >>> hide_paths("keras-genres fit vgg16 --data /home/ann lee/data --out runs/vgg16")
        'keras-genres fit vgg16 --data data --out runs/vgg16'
    """
    return " ".join(_hide(part) for part in _OPTION.split(text))


def _hide(part):
    found = _PATH.search(part)
    if not found:
        return part
    path = part[found.start() :].replace("\\", "/").rstrip("/ ")
    return part[: found.start()] + path.rpartition("/")[2]


def _text(value):
    """Return text of any length as one line without control characters and folders."""
    if not isinstance(value, str):
        return ""
    return " ".join(clean(word) for word in hide_paths(value).split())


def duration(seconds):
    """Return a time in words.

    Example:
        >>> duration(45), duration(2293.5), duration(9000)
        ('45 s', '38 min', '2 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _network(facts):
    size = f"{facts.parameters:,} parameters" if facts.parameters else ""
    return ", ".join(filter(None, (facts.backbone, size)))


def _members(environment):
    """Return the runs that an ensemble or a soup is the mean of, with shares that differ."""
    told = environment.get("members")
    told = told if isinstance(told, list) else []
    shares = [each.get("weight") if isinstance(each, dict) else None for each in told]
    names = [clean(each.get("run") if isinstance(each, dict) else each) for each in told]
    if len(set(map(str, shares))) > 1 and all(isinstance(each, int | float) for each in shares):
        names = [f"{name} × {share:.2f}" for name, share in zip(names, shares, strict=True)]
    what = clean(environment.get("average")) or "weights"
    return f"mean of the {what} of {', '.join(names)}" if names else ""


def _input(settings):
    if not settings.height or not settings.width:
        return ""
    how = {"squeeze": "squeezed", "crop": "cropped", "pad": "padded"}[settings.fit]
    return f"{settings.width} × {settings.height} pixels, {how}"


def _training(run, facts):
    history = read_history(run)
    if not len(history):
        return ""
    stages = history.groupby("stage", sort=False).size()
    parts = ", ".join(f"{clean(name) or 'stage'} {count}" for name, count in stages.items())
    count = f"{len(history)} epoch{'' if len(history) == 1 else 's'} ({parts})"
    best = f", best epoch {facts.best_epoch}" if facts.best_epoch else ""
    seed = f", seed {facts.seed}" if facts.seed is not None else ""
    return f"{count}{best}{seed}"


def _time(facts, environment):
    """Return how long it took on what."""
    hardware = _hardware(environment)
    if facts.seconds is None:
        return hardware
    return duration(facts.seconds) + (f" on {hardware}" if hardware else "")


def _hardware(environment):
    gpus = environment.get("gpus")
    gpus = [clean(gpu) for gpu in gpus] if isinstance(gpus, list) else None
    cores = environment.get("cores")
    parts = [
        clean(environment.get("processor")),
        f"{cores} core{'' if cores == 1 else 's'}" if isinstance(cores, int) else "",
        "" if gpus is None else ", ".join(gpus) or "no GPU",
    ]
    return ", ".join(filter(None, parts))
