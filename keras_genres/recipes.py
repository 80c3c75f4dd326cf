"""Recipes: settings that belong together, by name.

A recipe changes the defaults; `--config`, `--set` and the shortcuts come
after it.
"""

RECIPES = {
    "paper": {},  # the defaults are Arayıt & Tolga 2025
    "best": {
        "input.shape": "portrait",
        "model.head": "levels",
        "model.dropout": 0.9,
        "model.prior_bias": True,
        "training.head_epochs": 15,
        "training.epochs": 0,
        "training.schedule": "cosine",
        "evaluation.thresholds": "expected",
    },
}
"""`{name: {"section.name": value}}`. `best` is what `experiments/README.md` has the figures of."""
