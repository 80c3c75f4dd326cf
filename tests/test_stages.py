import pytest

from keras_genres.errors import UserError
from keras_genres.settings import TrainingSettings, load_settings
from keras_genres.training.stages import Stage, learning_rate_of, resolve, stages


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
    found = [learning_rate_of(stage, epoch, TrainingSettings()) for epoch in range(10, 50)]
    assert found == [1e-5] * 15 + [5e-6] * 15 + [2.5e-6] * 10


def rates(stage, *overrides):
    training = load_settings(None, [f"training.{each}" for each in overrides]).training
    last = stage.first_epoch + stage.epochs
    return [learning_rate_of(stage, epoch, training) for epoch in range(stage.first_epoch, last)]


def test_a_cosine_falls_from_the_full_rate_to_a_hundredth():
    found = rates(Stage("blocks", 3, 100, 1.0, ()), "schedule=cosine")
    assert found[0] == 1 and found[50] == pytest.approx(0.505)
    assert found == sorted(found, reverse=True) and 0.01 < found[-1] < 0.011


def test_warming_up_rises_evenly_and_then_the_schedule_begins():
    stage = Stage("blocks", 3, 8, 1.0, ())
    found = rates(stage, "warmup_epochs=3", "step_epochs=2", "gamma=0.5")
    assert found == [0.25, 0.5, 0.75, 0.5, 0.25, 0.25, 0.125, 0.125]


def test_warming_up_leaves_a_short_stage_its_last_epoch():
    assert rates(Stage("head", 0, 2, 1.0, ()), "warmup_epochs=9") == [0.5, 1.0]


def test_gradual_unfreezing_opens_one_block_more_from_the_top():
    names = ("training.unfreeze=blocks 4-6,top", "training.gradual_epochs=2")
    found = stages(resolved("model.backbone=efficientnetv2s", "training.epochs=20", *names))
    told = [(each.name, each.first_epoch, each.epochs, each.blocks) for each in found]
    assert told == [
        ("head", 0, 10, ()),
        ("from top", 10, 2, ("top",)),
        ("from block6", 12, 2, ("block6", "top")),
        ("from block5", 14, 2, ("block5", "block6", "top")),
        ("blocks", 16, 14, ("block4", "block5", "block6", "top")),
    ]


def test_too_few_epochs_to_open_all_blocks_is_an_error():
    with pytest.raises(UserError, match="takes 6 and then some"):
        resolved(
            "model.backbone=efficientnetv2s",
            "training.epochs=6",
            "training.unfreeze=blocks 4-6,top",
            "training.gradual_epochs=2",
        )
