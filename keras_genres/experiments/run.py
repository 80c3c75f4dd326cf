"""Run experiments, one or all that are not done."""

import shutil
import subprocess
import sys

from keras_genres.errors import UserError
from keras_genres.experiments.status import epochs_of, partial_of, state_of
from keras_genres.experiments.table import LEAK, find_experiment, find_experiments
from keras_genres.files import UNFINISHED
from keras_genres.locks import alone


def run_experiment(name, order, overwrite=False, note=print):
    """Run one experiment and write its run folder.

    Args:
        name: Its name, as `find_experiments` knows it.
        order: The `Order`.
        overwrite: Replace a run folder that is there.
        note: Called with each line that says what is done.

    Returns:
        The `Run`.

    Raises:
        UserError: For anything the user can mend; no run folder is then written.
    """
    experiment = find_experiment(name, order.folder)
    out = order.path(name)
    if out.exists() and not overwrite:
        raise UserError(f"{out} is there already. Replace it with --overwrite.")
    if experiment.trains:
        from keras_genres.training.start import start_keras

        start_keras()
    settings = order.settings_of(experiment)
    data, cut = order.posters_folder(), order.cut_of(experiment)
    facts = {"experiment": name, "title": experiment.title}
    if cut:
        facts["cut"] = cut
        note(f"Cut to size: {cut}")
    if experiment.kind not in ("baseline", LEAK) and not overwrite:
        from keras_genres.training import fit as fits

        if fits.state_of(out) in ("begun", "complete"):
            note(f"{out} was cut off {_after(out)}; it goes on from there")
            return fits.resume(out, data, settings.to_changes())
    goes_on = experiment.kind == LEAK and not overwrite and any(partial_of(out).path.glob("first*"))
    if not goes_on:
        _clear_partial(out, note)
    if experiment.kind == "baseline":
        from keras_genres.baselines.run import baseline

        return baseline(name, settings, data, out, overwrite, facts)
    if experiment.kind == LEAK:
        from keras_genres.experiments.leak import leak

        return leak(settings, data, out, overwrite, facts, goes_on)
    from keras_genres.training.fit import fit

    return fit(settings, data, out, overwrite, facts)


def _clear_partial(out, note):
    """Remove what an interrupted run of ours left, so that it can begin again."""
    partial = partial_of(out)
    if not partial.path.exists():
        return
    is_ours = any((partial.path / mark).exists() for mark in ("settings.yaml", UNFINISHED))
    if not is_ours and any(partial.path.iterdir()):
        raise UserError(
            f"{partial.path} holds other things (it has no settings.yaml). Move it away."
        )
    note(
        f"{out} was cut off {_after(out)}; it begins again, with the posters and activations "
        "that were kept"
    )
    with alone(out):
        shutil.rmtree(partial.path)


def _after(out):
    epochs = epochs_of(partial_of(out))
    return f"after {epochs} epoch{'' if epochs == 1 else 's'}"


def summary(run):
    """Return what to print of a run that is done: its report, or what the leak did."""
    text = run.path / "leak.md"
    if text.exists():
        return text.read_text(encoding="utf-8").rstrip()
    from keras_genres.evaluation.report import format_report

    return format_report(run)


def run_all(order, note=print):
    """Run every experiment that is not done, each in a process of its own.

    What is done is skipped; what fails is noted and the next one is begun.

    Args:
        order: The `Order`.
        note: Called with each line that says what is done.

    Returns:
        Names of those that failed.

    Raises:
        UserError: If one that is done is of another split or another cut, or
            when it was interrupted.
    """
    experiments = find_experiments(order.folder)
    order.posters_folder()  # what is wrong with the data is wrong for all
    states = {name: state_of(each, order) for name, each in experiments.items()}
    failed = []
    for number, (name, state) in enumerate(states.items(), start=1):
        where = f"{number}/{len(states)} {name}"
        if state == "done":
            note(f"{where}: done, skipped")
            continue
        note(f"{where}: {state}")
        code = _run_alone(name, order)
        if code < 0 or code == 130:
            raise UserError(f"Interrupted in {name}. The same command goes on from there.")
        if code:
            failed.append(name)
            note(f"{where}: failed, see above; going on")
    return failed


def _run_alone(name, order):
    """Run one experiment in a process of its own; return its exit code.

    What one run leaves in memory then does not weigh on the next.
    """
    process = subprocess.Popen(_command(name, order))
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reaches both; SIGTERM only us. Let it finish its epoch's files.
        process.terminate()
        process.wait()
        return 130


def _command(name, order):
    command = [sys.executable, "-m", "keras_genres", "experiment", "run", name]
    command += ["--data", order.data, "--out", order.out, "--epoch-scale", str(order.epoch_scale)]
    options = {
        "posters": order.posters,
        "train-posters": order.train_posters,
        "weights": order.weights,
        "frozen-backbone": order.frozen_backbone,
        "seed": order.seed,
        "experiments": order.folder,
    }
    for option, value in options.items():
        if value is not None:
            command += [f"--{option}", str(value)]
    for change in order.changes:
        command += ["--set", change]
    return command
