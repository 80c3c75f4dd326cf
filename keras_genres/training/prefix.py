"""The frozen part of the network, computed once a poster and kept.

Source: features of a frozen network, kept to train what stands on them, are
Donahue et al. 2014, arXiv:1310.1531; here at any block and for several varied
copies of a poster.
"""

import gc

from keras_genres.errors import UserError
from keras_genres.input.cache import amount, cache_folder
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import find_cut
from keras_genres.training.display import say
from keras_genres.training.prefix_choice import choose_place, count_epochs, pays
from keras_genres.training.prefix_layout import HELD_OUT, Layout
from keras_genres.training.prefix_pass import PrefixPass
from keras_genres.training.train import cut_batch, is_out_of_memory


def keep_frozen(job, sources, stop, decided=None, times=1):
    """Compute and keep what the stages of a job do not train, where that pays.

    Where memory runs out the job's batches are cut in parts.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`; prepared unless nothing is asked of them.
        stop: A `StopOnSignal`.
        decided: `{stage name: cut}` of the stages that train on kept activations, where
            an earlier process of the run decided that: rounding must not change. A list
            of names, as runs before had it, stands for the cuts of the stages themselves.
        times: Trainings that are going to use what is on the disk.

    Returns:
        The `PrefixCache`, filled.

    Raises:
        KeyboardInterrupt: If it was interrupted; what is on the disk stays.
        UserError: If there is no room, or a poster cannot be read.
    """
    while True:
        try:
            return _keep_frozen(job, sources, stop, decided, times)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        gc.collect()
        cut_batch(job)


def _keep_frozen(job, sources, stop, decided, times):
    prefix = PrefixCache(job, sources, decided=decided, times=times)
    if not prefix.find():
        said = sources["train"].prepare()
        if said:
            say(said)
        prefix.choose()
    prefix.fill(stop)
    return prefix


class PrefixCache:
    """Which stages of a run train on kept activations, and those activations.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
        note: Called with each line that says what was decided.
        decided: See `keep_frozen`.
        times: See `keep_frozen`.

    Attributes:
        kept: `Stage` to its `Kept`.
    """

    def __init__(self, job, sources, note=say, decided=None, times=1):
        self.job = job
        self.note = note
        self.options = job.settings.prefix
        self.folder = cache_folder(job.settings.input)
        self.layout = Layout(job, sources)
        self.runner = PrefixPass(job, sources)
        self.kept = {}
        self._laid_out = {}
        backbone = BACKBONES[job.settings.model.backbone]
        given = decided if isinstance(decided, dict) else {}
        self._cuts = {
            stage: given.get(stage.name) or find_cut(stage.blocks, backbone)
            for stage in job.stages
            if self.options.cache != "off" and (decided is None or stage.name in decided)
        }
        if self._cuts and job.settings.training.cutmix:
            note("Prefix cache: off (training.cutmix pastes pixels, which are not kept)")
            self._cuts = {}
        self._is_decided = decided is not None
        self._times = times

    def find(self):
        """Take the stages whose activations are all there from an earlier run.

        Returns:
            Whether that is every stage: then no poster needs to be decoded.
        """
        for stage, cut in self._cuts.items():
            if cut is not None and self.options.place != "memory":
                kept = self._at(cut, self.folder)
                if not kept.missing:
                    self.kept[stage] = kept
                    self._say(stage, f"on, {amount(kept.size)} found from an earlier run")
        return len(self.kept) == len(self.job.stages)

    def choose(self):
        """Decide for the other stages, and say what was decided and why.

        The last stage first: where its activations are computed, those of an
        earlier one come from the same pass and cost only the blocks between.
        A stage that is too short for its own takes those of a later one, which
        end lower: its frozen part begins there instead of at the pixels.

        Raises:
            UserError: If the cache was asked for and there is no room for it.
        """
        for stage, cut in reversed(self._cuts.items()):
            if stage in self.kept:
                continue
            if cut is None:
                self._say(stage, "off (all blocks are trained, nothing is frozen)")
                continue
            is_kept, why = self._pays(stage, cut)
            if is_kept:
                is_kept, why = self._find_place(stage, cut, why)
            lower = None if is_kept else self._lower(stage)
            if lower is not None:
                owner = next(other for other, kept in self.kept.items() if kept is lower)
                self.kept[stage] = lower
                is_kept, why = True, f"from what stage {owner.name} keeps"
            self._say(stage, f"{'on' if is_kept else 'off'}, {why}")

    def fill(self, stop):
        """Compute what is missing: see `PrefixPass.fill`."""
        kept = self._distinct()
        self.runner.fill(kept, stop)
        clipped = sum(part.clipped for one in kept for part in one.all)
        if clipped:
            say(
                f"{clipped} activations are beyond ±65504 and were cut off there; "
                "--set prefix.format=bfloat16 keeps them"
            )
        for one in kept:  # mapped now, another run may make room for its own
            for part in one.all:
                part.array()

    def _pays(self, stage, cut):
        if self.options.cache == "on":
            return True, "as asked"
        if self._is_decided:
            return True, "as before"
        counts = self.layout.counts
        missing = self._at(cut, self._folder_of(self.options.place)).missing
        # What is in memory goes with its training.
        epochs = stage.epochs * (self._times if self.options.place != "memory" else 1)
        live = epochs * (counts["train"] + counts["val"])
        if stage is self.job.stages[-1]:
            live += sum(counts[part] for part in HELD_OUT)  # its network scores them at the end
        others = tuple(kept.cut for kept in self._distinct() if kept.missing)
        if missing >= live and not others:
            return False, (
                f"{live} passes of a poster in {count_epochs(epochs)} are fewer than the "
                f"{missing} that {self.options.views} views take; fewer prefix.views pay sooner"
            )
        seconds = self.runner.seconds
        extra = seconds((*others, cut)) - (seconds(others) if others else 0.0)
        return pays(epochs, live * seconds((cut,)), missing * max(extra, 0.0))

    def _find_place(self, stage, cut, why):
        kept = self._at(cut, self.folder)
        others = sum(other.size for other in self._distinct() if other.cut != cut)
        place, lack = choose_place(self.options, kept.size, others, self.folder)
        if place is None:
            if self.options.cache == "on" or self._is_decided:
                raise UserError(
                    f"The activations of stage {stage.name} take {amount(kept.size)}: {lack}. "
                    "Set prefix.views lower, raise the limit, or use --prefix-cache off."
                )
            return False, f"its activations take {amount(kept.size)}: {lack}"
        self.kept[stage] = self._at(cut, self._folder_of(place))
        where = self.folder if place == "disk" else "memory" + (f" ({lack})" if lack else "")
        return True, f"{why}: {kept}, {amount(kept.size)} in {where}"

    def _lower(self, stage):
        """Return the `Kept` of the next stage that has one and opens all that this one opens."""
        stages = self.job.stages
        for later in stages[stages.index(stage) + 1 :]:
            if later in self.kept and set(stage.blocks) <= set(later.blocks):
                return self.kept[later]
        return None

    def _at(self, cut, folder):
        """Return the `Kept` of a cut, the same one for all stages that take it."""
        if (cut, folder) not in self._laid_out:
            self._laid_out[cut, folder] = self.layout.at(cut, folder)
        return self._laid_out[cut, folder]

    def _distinct(self):
        return list({id(kept): kept for kept in self.kept.values()}.values())

    def _folder_of(self, place):
        return None if place == "memory" else self.folder

    def _say(self, stage, text):
        self.note(f"Prefix cache, stage {stage.name}: {text}")
