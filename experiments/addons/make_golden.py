"""Write golden.json: what tensorflow-addons 0.23 gives for small fixed arrays.

Run once, in an environment of its own (see README.md); the tests read only
golden.json. Everything drawn is in the file, so no generator has to be the
same twice.
"""

import json
import math
import platform
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

FILLS = ("reflect", "constant")
MAPS = {
    "identity": [1, 0, 0, 0, 1, 0],
    "mirror": [-1, 0, 6, 0, 1, 0],
    "half pixel to the left and up": [1, 0, 0.5, 0, 1, 0.25],
    "turned and shrunk": [0.9, -0.4, 1.3, 0.4, 0.9, -0.7],
    "far outside": [2.5, 0.3, -9.0, -0.2, 2.1, 7.0],
}


def listed(values):
    """Return an array as nested lists; seven digits are what a float32 has."""
    return json.loads(json.dumps(np.asarray(values, np.float64).round(7).tolist()))


def f1_scores(random):
    """F1 with a threshold, and the default, which picks each poster's highest genre."""
    labels = (random.random((12, 5)) < 0.35).astype(np.float32)
    labels[:, 4] = 0  # nobody has the last genre
    scores = random.integers(0, 16, (12, 5)).astype(np.float32) / 16
    scores[:, 3] *= 0.25  # nobody is given the one before
    found = {"labels": listed(labels), "scores": listed(scores), "cases": []}
    for threshold in (0.5, 0.3, None):
        for average in (None, "micro", "macro", "weighted"):
            metric = tfa.metrics.F1Score(5, average=average, threshold=threshold)
            metric.update_state(labels, scores)
            found["cases"].append(
                {"threshold": threshold, "average": average, "f1": listed(metric.result())}
            )
    return found


def focal_losses(random):
    """Sigmoid focal cross-entropy of each poster, from probabilities and from logits."""
    labels = (random.random((6, 4)) < 0.4).astype(np.float32)
    logits = random.normal(0, 2.5, (6, 4)).astype(np.float32)
    scores = tf.sigmoid(logits)
    found = {"labels": listed(labels), "scores": listed(scores), "cases": []}
    for gamma in (2.0, 0.0, 1.5):
        for alpha in (0.25, 0.5, 0.0):
            for from_logits in (False, True):
                loss = tfa.losses.SigmoidFocalCrossEntropy(
                    from_logits=from_logits,
                    alpha=alpha,
                    gamma=gamma,
                    reduction=tf.keras.losses.Reduction.NONE,
                )
                values = loss(labels, logits if from_logits else scores)
                case = {"gamma": gamma, "alpha": alpha, "from_logits": from_logits}
                found["cases"].append({**case, "loss": listed(values)})
    return found


def moved_images(random):
    """Projective transforms, rotations and translations of one picture, bilinear."""
    image = random.integers(0, 256, (5, 7, 3)).astype(np.float32)
    found = {"image": listed(image), "transforms": [], "rotations": [], "translations": []}
    for fill in FILLS:
        options = {"interpolation": "bilinear", "fill_mode": fill}
        for name, numbers in MAPS.items():
            moved = tfa.image.transform(image, [*map(float, numbers), 0.0, 0.0], **options)
            case = {"name": name, "map": numbers, "fill": fill}
            found["transforms"].append({**case, "pixels": listed(moved)})
        for degrees in (15.0, -40.0):
            turned = tfa.image.rotate(image, math.radians(degrees), **options)
            case = {"degrees": degrees, "fill": fill}
            found["rotations"].append({**case, "pixels": listed(turned)})
        for right, down in ((2.0, 1.0), (-1.4, 0.5)):
            shifted = tfa.image.translate(image, [right, down], **options)
            case = {"right": right, "down": down, "fill": fill}
            found["translations"].append({**case, "pixels": listed(shifted)})
    return found


def coloured_images(random):
    """Hue, saturation and value changed in YIQ, of pixels in [0, 1] far from both ends."""
    image = random.uniform(0.35, 0.65, (2, 3, 3)).astype(np.float32)
    found = {"image": listed(image), "cases": []}
    for hue, saturation, value in ((0.0, 1.3, 1.0), (0.5, 1.0, 1.0), (-0.3, 0.8, 1.1)):
        changed = tfa.image.adjust_hsv_in_yiq(image, hue, saturation, value)
        case = {"hue_radians": hue, "saturation": saturation, "value": value}
        found["cases"].append({**case, "pixels": listed(changed)})
    return found


def main():
    """Write golden.json beside this file."""
    random = np.random.default_rng(0)
    found = {
        "made_with": {
            "tensorflow-addons": tfa.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "f1": f1_scores(random),
        "focal": focal_losses(random),
        "moved": moved_images(random),
        "coloured": coloured_images(random),
    }
    text = json.dumps(found, separators=(",", ":"))
    # A line a case keeps a diff readable.
    text = text.replace('},{"', '},\n{"').replace('"cases":[', '"cases":[\n')
    path = Path(__file__).with_name("golden.json")
    path.write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
