"""What a bench found: a table to print, and everything as JSON."""

import csv
import io
import json
from dataclasses import dataclass, field

from keras_genres.files import write_json

COLUMNS = ("what", "who", "against", "measure", "unit", "median", "min", "max")
_HEADS = {
    "values": ("what", "who", "measure", "median", "min", "max", "unit"),
    "ratios": ("what", "who", "against", "measure", "median", "min", "max", "unit"),
}


@dataclass
class Result:
    """The outcome of one bench."""

    name: str
    """Name of the subcommand."""
    rows: list
    """The table, as `summarise` returns it."""
    timings: list
    """Every single measurement."""
    settings: dict
    """What was measured: posters, size, batch, precision, seed, …"""
    machine: dict
    """Hardware, versions and command."""
    notes: list = field(default_factory=list)
    """Lines on how contenders work."""
    left_out: list = field(default_factory=list)
    """Lines on peers that were not measured, and why."""

    def to_dict(self):
        """Return everything as plain dictionaries."""
        return {
            "bench": self.name,
            "settings": self.settings,
            "machine": self.machine,
            "rows": self.rows,
            "notes": self.notes,
            "left_out": self.left_out,
            "timings": self.timings,
        }

    def save(self, path):
        """Write everything as JSON, whole or not at all."""
        write_json(path, self.to_dict())

    def format(self, form="table"):
        """Return the text to print.

        Args:
            form: `table`, `csv` (the rows alone) or `json` (everything).
        """
        if form == "json":
            return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        if form == "csv":
            out = io.StringIO()
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            return out.getvalue().rstrip("\n")
        values = [row for row in self.rows if not row["against"]]
        ratios = [row for row in self.rows if row["against"]]
        blocks = [_aligned(values, _HEADS["values"])]
        if ratios:
            title = "Within a round; above 1: `who` is that many times as good as `against`."
            blocks.append(f"{title}\n{_aligned(ratios, _HEADS['ratios'])}")
        if self.notes:
            blocks.append("\n".join(self.notes))
        if self.left_out:
            blocks.append("\n".join(["Not measured:", *self.left_out]))
        blocks.append("\n".join(self._facts()))
        return "\n\n".join(blocks)

    def _facts(self):
        about = self.machine
        gpus = about.get("gpus")
        parts = [f"{about['processor']}", f"{about['threads']} of {about['cores']} cores"]
        if gpus is not None:
            parts.append(", ".join(gpus) or "no GPU")
        if about["load_average"] is not None:
            parts.append(f"load {about['load_average']} at the start")
        yield f"Machine: {', '.join(parts)}"
        packages = [f"{name} {version}" for name, version in about["packages"].items() if version]
        yield f"Versions: Python {about['python']}, {', '.join(packages)}"
        plain = {key: part for key, part in self.settings.items() if not isinstance(part, dict)}
        nested = {key: part for key, part in self.settings.items() if isinstance(part, dict)}
        for name, value in {"work": plain, **nested}.items():
            parts = (f"{key.replace('_', ' ')} {part}" for key, part in value.items())
            yield f"{name.capitalize()}: {', '.join(parts)}"
        yield f"Command: {about['command']}"


def _aligned(rows, names):
    cells = [[_text(row[name]) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    lines = []
    for row in [names, *cells]:
        padded = [
            cell.rjust(width) if name in ("median", "min", "max") else cell.ljust(width)
            for name, cell, width in zip(names, row, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _text(value):
    if not isinstance(value, float):
        return str(value)
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
