"""Every setting: its default, meaning and unit, once.

Resolved in this order: the defaults here, then `--config FILE` (YAML), then
`--set section.name=value`. The string below a field is its documentation;
`keras-genres settings` prints it.
"""

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Literal

import yaml

from keras_genres.errors import UserError
from keras_genres.setting_values import (
    check_ranges,
    convert,
    explain_unknown,
    read_meanings,
)
from keras_genres.yaml_files import read_yaml


@dataclass(frozen=True)
class PrepareSettings:
    """How `data prepare` reads, checks, groups and splits posters."""

    seed: int = 0
    """Seed of the split."""
    val_fraction: float = 0.15
    """Share of posters for validation, where early stopping and thresholds are chosen."""
    test_fraction: float = 0.15
    """Share of posters for the test, which nothing is chosen on."""
    max_megapixels: float = 64.0
    """Posters above this many million pixels are rejected before they are decoded."""
    near_duplicate_bits: int = 10
    """Posters whose perceptual hashes differ in at most this many bits may be one picture."""
    stock_films: int = 10
    """A picture that at least this many films share is a stock "no poster" picture: left out."""
    follow_links: bool = False
    """Also take posters that are symbolic links to somewhere outside the source."""


@dataclass(frozen=True)
class InputSettings:
    """How posters become batches."""

    shape: Literal["backbone", "portrait"] = "backbone"
    """What an empty height is: the backbone's own, or as much higher as posters are (10:7)."""
    height: int | None = None
    """Rows of pixels the network sees; empty: see input.shape."""
    width: int | None = None
    """Columns of pixels the network sees; empty: the backbone's own size."""
    fit: Literal["squeeze", "crop", "pad"] = "squeeze"
    """How a poster fills that shape: squeezed (the paper), cropped at the centre or padded."""
    cache: Literal["auto", "memory", "disk", "off"] = "auto"
    """Where decoded posters are kept; `auto` takes memory if they fit the budget, else disk."""
    cache_memory_gib: float = 4.0
    """Most memory the decoded posters may take, in GiB."""
    cache_folder: str | None = None
    """Folder of the disk cache; empty: `keras-genres` in the user's cache folder."""
    check: Literal["stat", "hash", "off"] = "stat"
    """How posters that changed since `data prepare` are found: size and time, or every byte."""
    changed: Literal["error", "leave_out"] = "error"
    """What becomes of posters that vanished or changed: an error, or training without them."""


@dataclass(frozen=True)
class AugmentSettings:
    """How training posters are varied (section 4.1 of the paper). 0 turns a part off."""

    flip: bool = True
    """Mirror half of the posters left to right."""
    rotation_degrees: float = 15.0
    """Rotate by up to this many degrees, either way."""
    shift: float = 0.05
    """Move by up to this share of the height and width, either way."""
    scale: float = 0.1
    """Grow or shrink by up to this share."""
    brightness: float = 0.2
    """Multiply by a factor of 1 ± this."""
    contrast: float = 0.2
    """Blend with the mean grey by a factor of 1 ± this."""
    saturation: float = 0.2
    """Blend with the grey picture by a factor of 1 ± this."""
    hue: float = 0.02
    """Turn the hue by up to this share of the colour circle, either way."""
    crop: float = 1.0
    """Smallest share of a poster's area that a random crop of its shape keeps; 1 crops nothing."""
    erase: float = 0.0
    """Share of posters of which a random box, 2 to 33 % of the area, takes the mean colour."""
    randaugment: int = 0
    """Operations of RandAugment a poster, on top of the others; 0 for none."""
    randaugment_magnitude: float = 9.0
    """Their magnitude, up to 10."""
    fill: Literal["reflect", "black"] = "reflect"
    """What shows where the picture was moved away."""
    where: Literal["pipeline", "device", "auto"] = "auto"
    """In the input `pipeline` or in the training step, on the `device`; `auto`: there on a GPU."""


@dataclass(frozen=True)
class PrefixSettings:
    """What lies below the lowest trained block, computed once and kept."""

    cache: Literal["auto", "on", "off"] = "auto"
    """Compute the frozen part once; `auto`: where that saves time and there is room."""
    views: int = 4
    """Varied copies kept of each training poster; the epochs take them in turn."""
    seed: int = 0
    """Seed of the views. Runs that differ in training.seed share them."""
    place: Literal["auto", "memory", "disk"] = "auto"
    """Where activations are kept; `auto`: on disk, where runs share them, if there is room."""
    memory_gib: float = 4.0
    """Most memory activations may take, in GiB."""
    disk_gib: float = 50.0
    """Most disk they may take in input.cache_folder, in GiB; the longest unused go first."""
    format: Literal["auto", "float16", "bfloat16"] = "auto"
    """Number format of kept views; `auto`: bfloat16 where the network is, else float16."""


@dataclass(frozen=True)
class ModelSettings:
    """The network."""

    backbone: str = "efficientnetv2s"
    """Name in the table that `keras-genres backbones` prints."""
    weights: str | None = None
    """`imagenet`, `none` or a weight file; empty: `imagenet`, or `none` where there is none."""
    head: Literal["pooled", "csra", "attention", "levels"] = "pooled"
    """Pooling and a `Dense`; for each genre apart residual attention or a query; all blocks."""
    pooling: Literal["avg", "max"] = "avg"
    """`pooled`: global pooling below the head."""
    csra_weight: float = 0.2
    """`csra`: weight of the places that a genre looks at, beside the mean of all places."""
    attention_width: int = 384
    """`attention`: numbers a place of the feature map becomes."""
    dropout: float = 0.2
    """Share of features dropped in training."""
    stochastic_depth: float | None = None
    """EfficientNets: largest share of posters a branch is left out for; empty: the backbone's."""
    prior_bias: bool = False
    """Start the head at each genre's share of the training posters instead of 0.5."""


@dataclass(frozen=True)
class TrainingSettings:
    """The two stages: head first, then the top blocks at a lower rate (section 4.3 of the paper).

    Empty stage settings are the paper's for a pretrained backbone. A backbone
    without weights has nothing to keep frozen: it starts with all open.
    """

    seed: int = 0
    """Seed of initial weights, data order, augmentation and dropout."""
    batch_size: int = 32
    """Posters in a training step, over all devices."""
    head_epochs: int | None = None
    """Epochs with the backbone frozen; empty: 10, or 0 without pretrained weights."""
    head_learning_rate: float = 1e-4
    """Adam step size while the backbone is frozen."""
    epochs: int = 90
    """Most epochs after unfreezing; early stopping may end sooner."""
    learning_rate: float | None = None
    """Adam step size after unfreezing; empty: 1e-5, or 1e-3 without pretrained weights."""
    unfreeze: str | None = None
    """`all`, `none` or blocks (`blocks 4-6,top`, `block6`); empty: the backbone's, or all."""
    keep_batchnorm_still: bool = True
    """Keep BatchNormalization of a pretrained backbone at its ImageNet statistics."""
    gradual_epochs: int = 0
    """Epochs from opening one block to opening the next one below; 0 opens all at once."""
    layer_decay: float = 1.0
    """Factor of the rate from each block of the backbone to the one below; 1 is none."""
    schedule: Literal["step", "cosine"] = "step"
    """How the rate falls within a stage: StepLR, or along half a cosine to a hundredth."""
    cycles: int = 1
    """`cosine`: times it runs in the last stage. With several none stops early; all are kept."""
    warmup_epochs: int = 0
    """Epochs at the begin of each stage in which the rate rises to its full height."""
    step_epochs: int = 15
    """StepLR: epochs of a stage after which the rate falls."""
    gamma: float = 0.5
    """StepLR: factor the rate falls by."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW): share of a kernel taken away each step, times the rate."""
    clip_norm: float = 0.0
    """Largest norm of a step's gradients, all together; 0 for any."""
    ema: float = 0.0
    """Momentum of an average of the weights, which is what is validated and kept; 0 for none."""
    # BCE leaves rare genres far below 0.5, so at 0.5 an epoch is judged by how
    # well it is calibrated, not by how well it ranks: a frozen VGG16 of the
    # paper has 0.14 at 0.5 and 0.34 tuned. The model is used with tuned
    # thresholds, so tuned is what is watched.
    monitor: Literal["val_macro_f1_tuned", "val_macro_f1"] = "val_macro_f1_tuned"
    """Validation macro F1 that is watched: at the epoch's best thresholds, or at 0.5."""
    patience: int = 10
    """Epochs of the last stage without a better score before stopping."""
    loss: Literal["bce", "weighted_bce", "focal", "asymmetric", "hill"] = "bce"
    """Binary cross-entropy; with a weight on positives; focal; asymmetric; for missing labels."""
    mixup: float = 0.0
    """Alpha of the Beta distribution of shares by which two posters are mixed; 0 for none."""
    cutmix: float = 0.0
    """The same for the area of a poster that is pasted into another; 0 for none."""
    label_smoothing: float = 0.0
    """Share of the way to 0.5 that labels are moved in the loss."""
    pos_weight: Literal["ratio", "effective"] = "ratio"
    """`weighted_bce`: by negatives / positives, or by the effective number of posters, mean 1."""
    pos_weight_cap: float = 10.0
    """`ratio`: largest weight (negatives / positives of a genre in the training split)."""
    effective_beta: float = 0.999
    """`effective`: 0 weights genres alike, near 1 by the inverse of their number of posters."""
    focal_gamma: float = 2.0
    """`focal`: how strongly easy decisions are played down."""
    asymmetric_gamma: float = 4.0
    """`asymmetric`: how strongly absent genres that are easy to tell are played down."""
    asymmetric_margin: float = 0.05
    """`asymmetric`: score below which an absent genre counts nothing."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the layers; `auto`: bfloat16 or float16 on a GPU, float32 on a CPU."""
    jit: Literal["auto", "on", "off"] = "auto"
    """Compile with XLA; `auto`: on a GPU."""
    devices: Literal["auto", "one", "all"] = "auto"
    """Use one device or all GPUs of the machine; `auto`: all."""
    deterministic: bool = False
    """Give the same bits each time from the same seed; on a GPU that is slower."""
    checkpoint_seconds: float = 120.0
    """Seconds between two checkpoints: at most so much training is lost to a power cut."""
    tensorboard: bool = False
    """Also write TensorBoard logs to the run folder."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How thresholds and intervals are made from saved scores."""

    thresholds: Literal["exact", "grid", "expected", "shrunk"] = "exact"
    """Best F1 over every cut, over the paper's grid, as expected, or near a rule for all genres."""
    grid_step: float = 0.05
    """`grid`: distance between thresholds."""
    resamples: int = 1000
    """Bootstrap resamples of groups; 0 for no intervals."""
    confidence: float = 0.95
    """Coverage of the bootstrap intervals."""
    seed: int = 0
    """Seed of the bootstrap."""


@dataclass(frozen=True)
class Settings:
    """All settings of a run, by section."""

    model: ModelSettings = field(default_factory=ModelSettings)
    input: InputSettings = field(default_factory=InputSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    prefix: PrefixSettings = field(default_factory=PrefixSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)

    def __post_init__(self):
        for section in dataclasses.fields(self):
            check_ranges(getattr(self, section.name), section.name + ".")

    def replace(self, changes):
        """Return a copy with `{"section.name": value}` changed.

        Values may be strings, as they come from the command line.

        Raises:
            UserError: For an unknown name (with the near miss) or an unfit value.
        """
        sections = {part.name: {} for part in dataclasses.fields(self)}
        for name, value in changes.items():
            section, _, key = name.partition(".")
            if section not in sections or not key:
                raise UserError(explain_unknown(name, setting_names()))
            part = getattr(self, section)
            sections[section][key] = read_value(type(part), key, value, prefix=f"{section}.")
        return dataclasses.replace(
            self,
            **{
                section: dataclasses.replace(getattr(self, section), **values)
                for section, values in sections.items()
                if values
            },
        )

    def to_dict(self):
        """Return the settings as nested plain dictionaries."""
        return dataclasses.asdict(self)

    def to_changes(self):
        """Return every setting as `{"section.name": value}`, as `replace` takes it."""
        return {
            f"{section}.{name}": value
            for section, values in self.to_dict().items()
            for name, value in values.items()
        }

    def to_yaml(self):
        """Return the settings as YAML text."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


def load_settings(config=None, overrides=(), recipe=None):
    """Resolve settings: defaults, then a YAML file, then `section.name=value` strings.

    Args:
        config: Path of a YAML file, or `None`.
        overrides: Strings such as `"training.batch_size=64"`.
        recipe: Changes of the defaults, `{"section.name": value}`, that come before all else.

    Raises:
        UserError: For a file that cannot be read, an unknown name or an unfit value.
    """
    return Settings().replace(recipe or {}).replace(read_changes(config, overrides))


def read_changes(config=None, overrides=()):
    """Return what a YAML file and then `section.name=value` strings ask for.

    Args:
        config: Path of a YAML file, or `None`.
        overrides: Strings such as `"training.batch_size=64"`.

    Returns:
        `{"section.name": value}`; values of the strings are strings.

    Raises:
        UserError: For a file that cannot be read, or a string without `=`.
    """
    changes = {} if config is None else dict(read_yaml(config))
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals:
            raise UserError(
                f"--set takes NAME=VALUE, as in training.batch_size=64. Received: {override!r}"
            )
        changes[name.strip()] = value.strip()
    return changes


def setting_names():
    """Return every `section.name` in order."""
    return [
        f"{section.name}.{part.name}"
        for section in dataclasses.fields(Settings)
        for part in dataclasses.fields(section.default_factory)
    ]


def describe_settings(cls=Settings, prefix=""):
    """Return `(name, default, meaning)` of every setting, in order."""
    rows = []
    hints = typing.get_type_hints(cls)
    meanings = read_meanings(cls)
    for part in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[part.name]):
            rows += describe_settings(hints[part.name], f"{prefix}{part.name}.")
        else:
            rows.append((prefix + part.name, part.default, meanings.get(part.name)))
    return rows


def allowed_values(name):
    """Return the words that a setting, `section.name`, takes; empty where it is not a choice."""
    section, _, key = name.partition(".")
    hint = typing.get_type_hints(typing.get_type_hints(Settings)[section])[key]
    return hint.__args__ if typing.get_origin(hint) is Literal else ()


def read_value(cls, name, value, prefix=""):
    """Turn a string or YAML value into what field `name` of dataclass `cls` holds.

    Raises:
        UserError: For an unknown name or a value of another type.
    """
    hints = typing.get_type_hints(cls)
    if name not in hints:
        raise UserError(explain_unknown(prefix + name, setting_names() if prefix else list(hints)))
    return convert(prefix + name, value, hints[name])
