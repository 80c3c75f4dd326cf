"""Adam as the stages use it: decoupled decay, rates by depth, averaged weights.

All of it happens in the update of a variable, so it is the same however a
batch is cut into parts, and a checkpoint of the optimizer holds all of it.
"""

import keras
import numpy as np
from keras import ops


class StageAdam(keras.optimizers.Adam):
    """Adam with decoupled weight decay, a rate for each variable, and an average of weights.

    With the defaults it is Keras's Adam, to the bit.

    Args:
        learning_rate: Step size.
        factors: What the step size is multiplied by for each of the variables
            that `build` gets, in their order; `None` for 1.
        decay: Share of a kernel that is taken away in each step, times the step
            size. Biases and the gains of normalization, which have one
            dimension, are left out.
        averaging: Momentum of an exponential moving average of each variable,
            below 1; 0 for none. Early on, when there is little to average, it is
            lower: `step / (9 + step)`, with steps from 0.
        **options: What `keras.optimizers.Adam` takes.

    Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization",
        arXiv:1711.05101; averages and their start as in
        `tf.train.ExponentialMovingAverage` with `num_updates`.
    """

    def __init__(self, learning_rate, factors=None, decay=0.0, averaging=0.0, **options):
        super().__init__(learning_rate, **options)
        self._factors = factors
        self._decay = decay
        self._averaging = averaging
        self._averages = []

    def build(self, variables):
        """Make the slots of variables."""
        if self.built:
            return
        super().build(variables)
        if self._factors is not None and len(self._factors) != len(variables):
            raise ValueError(
                f"`factors` must hold one for each of the {len(variables)} variables. "
                f"Received: {len(self._factors)}"
            )
        if self._averaging:
            self._averages = self.add_optimizer_variables(variables, name="average")
            for average, variable in zip(self._averages, variables, strict=True):
                average.assign(variable)

    def update_step(self, gradient, variable, learning_rate):
        """Take one step of a variable."""
        index = self._get_variable_index(variable)
        rate = ops.cast(learning_rate, variable.dtype)
        if self._factors is not None:
            rate = rate * self._factors[index]
        if self._decay and len(variable.shape) > 1:
            self.assign_sub(variable, variable * (rate * self._decay))
        super().update_step(gradient, variable, rate)
        if self._averaging:
            step = ops.cast(self.iterations, variable.dtype)
            keep = ops.minimum(self._averaging, step / (9 + step))
            average = self._averages[index]
            self.assign(average, variable + keep * (average - variable))

    @property
    def averages(self):
        """Averages as arrays, in the order of the variables; empty without."""
        # Copies: on a CPU a NumPy view of a variable changes with it.
        return [np.array(ops.convert_to_numpy(average)) for average in self._averages]


def averages_of(model):
    """Return `StageAdam.averages` of a compiled model, also where float16 wraps its optimizer."""
    optimizer = model.optimizer
    return getattr(optimizer, "inner_optimizer", optimizer).averages


def factors_by_depth(variables, blocks, decay):
    """Return what the step size of each variable is multiplied by, the less the lower it lies.

    Args:
        variables: Trained variables of a network.
        blocks: Lists of layers, from the input up, as `Backbone.layers_by_block` has them.
        decay: Factor from each block to the one below, in (0, 1]; the head has 1.

    Source: Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text
        Classification", arXiv:1801.06146, section 3.2, there for layers.
    """
    depth = {
        id(variable): below
        for below, layers in enumerate(reversed(blocks), start=1)
        for layer in layers
        for variable in layer.variables
    }
    return [decay ** depth.get(id(variable), 0) for variable in variables]
