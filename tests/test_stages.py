import pytest

from keras_genres.errors import UserError
from keras_genres.settings import load_settings
from keras_genres.training.stages import Stage, resolve, stages, step_learning_rate


def resolved(*overrides):
    return resolve(load_settings(None, overrides))


def test_a_pretrained_backbone_gets_the_papers_two_stages():
    head, blocks = stages(resolved("model.backbone=efficientnetv2s"))
    assert (head.name, head.first_epoch, head.epochs, head.learning_rate) == ("head", 0, 10, 1e-4)
    assert (blocks.first_epoch, blocks.epochs, blocks.learning_rate) == (10, 90, 1e-5)
    assert blocks.blocks == ("block4", "block5", "block6", "top")
    assert head.blocks == ()


def test_a_backbone_without_weights_starts_with_all_open():
    (stage,) = stages(resolved("model.backbone=mobilenetv2", "model.weights=none"))
    assert (stage.name, stage.first_epoch, stage.learning_rate) == ("all", 0, 1e-3)
    (stage,) = stages(resolved("model.backbone=smallcnn"))
    assert stage.name == "all"


def test_what_the_user_sets_is_kept():
    settings = resolved(
        "model.backbone=efficientnetv2s",
        "model.weights=none",
        "training.head_epochs=2",
        "training.unfreeze=block6",
        "training.learning_rate=0.01",
        "input.height=64",
    )
    head, blocks = stages(settings)
    assert (head.epochs, blocks.blocks, blocks.learning_rate) == (2, ("block6",), 0.01)
    assert (settings.input.height, settings.input.width) == (64, 224)


def test_none_unfrozen_leaves_the_head_alone():
    (stage,) = stages(resolved("model.backbone=mobilenetv2", "training.unfreeze=none"))
    assert stage.name == "head"


def test_no_epoch_at_all_is_an_error():
    with pytest.raises(UserError, match="no epoch to train"):
        resolved("training.head_epochs=0", "training.unfreeze=none")


def test_an_unknown_backbone_is_an_error():
    with pytest.raises(UserError, match="Unknown backbone 'resnet'"):
        resolved("model.backbone=resnet")


def test_step_lr_halves_every_15_epochs_of_its_stage():
    stage = Stage("blocks", 10, 40, 1e-5, ())
    rates = [step_learning_rate(stage, epoch, 15, 0.5) for epoch in range(10, 50)]
    assert rates == [1e-5] * 15 + [5e-6] * 15 + [2.5e-6] * 10
