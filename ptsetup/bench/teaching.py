"""Names that teaching texts get wrong, what is right, and the check that tests the right one. Looked up in torch 2.13."""

import re

from ptsetup.facts import Record


class Lesson(Record, frozen=True, kw_only=True):
    """One misused or missing name."""

    name: str
    pattern: str
    """What finds it in a text."""
    fact: str
    use: str
    check: str
    """Name of the check that tests the right way."""


LESSONS = (
    Lesson(
        name="torch.nn.functional.masked_softmax",
        pattern=r"masked_softmax",
        fact="There is no such function.",
        use="scores.masked_fill(~mask, float('-inf')).softmax(-1), or attn_mask of scaled_dot_product_attention",
        check="attention.masks",
    ),
    Lesson(
        name="torch.nn.functional.multi_head_attention",
        pattern=r"functional\.multi_?head_attention(?!_forward)|has no attribute '?multi_head_attention",
        fact="There is no such function.",
        use="torch.nn.MultiheadAttention, or scaled_dot_product_attention in new code",
        check="attention.heads",
    ),
    Lesson(
        name="torch.nn.Adam",
        pattern=r"\bnn\.(Adam|AdamW|SGD)\b|torch\.nn'? has no attribute '?(Adam|AdamW|SGD)\b",
        fact="Optimizers do not live in torch.nn.",
        use="torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD",
        check="optim.adam",
    ),
    Lesson(
        name="backward() updates the parameters",
        pattern=r"backward.{0,40}updat(es?|ing) (the )?(model'?s? )?(parameters|weights)|^\W*(torch\.)?(autograd\.|Tensor\.)?backward\W*$",
        fact="It only adds to .grad; the parameters stay as they are.",
        use="optimizer.step() updates, optimizer.zero_grad() clears",
        check="autograd.book",
    ),
    Lesson(
        name="L1Loss as a regulariser",
        pattern=r"L1Loss.{0,60}regulari|regulari.{0,60}L1Loss|^\W*(torch\.)?(nn\.)?L1Loss\W*$",
        fact="L1Loss is the mean distance between prediction and target.",
        use="loss + factor * sum(p.abs().sum() for p in model.parameters())",
        check="optim.penalty",
    ),
    Lesson(
        name="a scheduler as hyper-parameter search",
        pattern=r"(lr_)?scheduler.{0,60}hyper-?parameter|hyper-?parameter.{0,60}(lr_)?scheduler|^\W*(torch\.)?(optim\.)?lr_scheduler\W*$",
        fact="A scheduler changes the learning rate during one run.",
        use="several runs with different settings, by hand or by a library made for it",
        check="optim.schedulers",
    ),
    Lesson(
        name="DistributedDataParallel splits the model",
        pattern=r"(DDP|DistributedDataParallel|distributed data parallel).{0,60}split(s|ting)? the model",
        fact="Every process holds the whole model; the data are split and the gradients averaged.",
        use="torch.distributed.fsdp.fully_shard or tensor parallelism, where the model must be split",
        check="parallel.ddp",
    ),
    Lesson(
        name="weight_decay is L2 regularisation",
        pattern=r"L2.{0,40}weight_?decay|weight_?decay.{0,40}L2|^\W*weight_decay\W*$",
        fact="For SGD it is; Adam divides it by the size of the gradients as well, and AdamW takes it off the weights directly.",
        use="torch.optim.AdamW for a decay of its own, torch.optim.Adam(weight_decay=...) for a penalty in the gradient",
        check="optim.adamw",
    ),
    Lesson(
        name="torch.cuda.amp",
        pattern=r"torch\.cuda\.amp\b",
        fact="That is the old spelling; it works on CUDA devices only, and newer releases warn of it.",
        use="torch.amp.autocast(device_type) and torch.amp.GradScaler(device), from torch 2.3 on",
        check="amp.autocast",
    ),
)


def lessons(text: str) -> tuple[Lesson, ...]:
    """Those that a text touches, in the order of the table."""
    return tuple(lesson for lesson in LESSONS if re.search(lesson.pattern, text, re.IGNORECASE | re.DOTALL))
