"""Names that teaching texts get wrong are found by a sentence and by the bare name, and lead to a check that exists."""

import pytest

from ptsetup.bench import ENTRIES
from ptsetup.bench.teaching import LESSONS, lessons


@pytest.mark.parametrize(
    ("asked", "check"),
    [
        ("torch.nn.functional.masked_softmax", "attention.masks"),
        ("AttributeError: module 'torch.nn.functional' has no attribute 'multi_head_attention'", "attention.heads"),
        ("nn.Adam", "optim.adam"),
        ("torch.autograd.backward", "autograd.book"),
        ("loss.backward() updates the weights", "autograd.book"),
        ("L1Loss", "optim.penalty"),
        ("nn.L1Loss is used for L1 regularisation", "optim.penalty"),
        ("torch.optim.lr_scheduler", "optim.schedulers"),
        ("hyperparameter search with lr_scheduler", "optim.schedulers"),
        ("DDP splits the model over the GPUs", "parallel.ddp"),
        ("weight_decay", "optim.adamw"),
        ("from torch.cuda.amp import autocast", "amp.autocast"),
    ],
)
def test_a_misused_name_leads_to_the_right_check(asked, check):
    assert [lesson.check for lesson in lessons(asked)] == [check]


@pytest.mark.parametrize("text", ["RuntimeError: CUDA out of memory", "loss.backward() raised", "a scheduler of jobs"])
def test_other_texts_teach_nothing(text):
    assert lessons(text) == ()


def test_every_lesson_names_a_check_that_is_there():
    assert {lesson.check for lesson in LESSONS} <= {entry.name for entry in ENTRIES}
