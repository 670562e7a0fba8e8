"""Checks of saving and loading: state, files, strictness, sharing, refused pickles. References: bitwise equality."""

import copy
import io
import os
import pickle
import tempfile

from ptsetup_bench_main import plain


def _same(a, b):
    """Two tensors, bit by bit as their elements say."""
    return a.dtype == b.dtype and a.shape == b.shape and plain(a) == plain(b)


def _make(kit):
    torch = kit.torch
    torch.manual_seed(kit.seed)
    layers = (torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    model = torch.nn.Sequential(*layers).to(kit.device)
    return model, torch.optim.Adam(model.parameters(), lr=0.05)


def _train(kit, model, optimizer, steps):
    x, y = kit.to(kit.randn(32, 6, salt=81)), kit.to(kit.randn(32, 2, salt=82))
    for _ in range(steps):
        optimizer.zero_grad()
        kit.torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def save_load(kit, worst):
    """Model and optimizer state: saved, loaded with weights_only, bitwise equal, and training goes on the same way."""
    torch = kit.torch
    model, optimizer = _make(kit)
    _train(kit, model, optimizer, 3)
    state = model.state_dict()
    buffers = ["1.num_batches_tracked", "1.running_mean", "1.running_var"]
    weights = ["%d.%s" % (n, kind) for n in (0, 1, 3) for kind in ("bias", "weight")]
    worst.same(sorted(state), sorted(buffers + weights), "weights and buffers are in the state")
    worst.equal(all(_same(state[n], p.detach()) for n, p in model.named_parameters()), "the state holds the weights")
    worst.equal(all(_same(state[n], b) for n, b in model.named_buffers()), "the state holds the buffers")
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "file.pt")
        torch.save({"model": state, "optimizer": optimizer.state_dict(), "epoch": 3}, file)
        saved = _load(kit, worst, file, map_location=kit.device)
    worst.equal(saved["epoch"] == 3 and list(saved["model"]) == list(state), "names and numbers come back")
    other, other_optimizer = _make(kit)
    _train(kit, other, other_optimizer, 1)
    missing = other.load_state_dict(saved["model"])
    other_optimizer.load_state_dict(saved["optimizer"])
    worst.equal(not missing.missing_keys and not missing.unexpected_keys, "all keys match")
    worst.equal(all(_same(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values())), "loaded state is bitwise equal")
    for one, its in ((model, optimizer), (other, other_optimizer)):
        _train(kit, one, its, 3)
    worst.equal(all(_same(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values())), "three more steps are bitwise equal")
    worst.equal(int(other[1].num_batches_tracked) == 6, "the count of batches goes on")
    for one in (model, other):
        one.eval()
    x = kit.to(kit.randn(4, 6, salt=83))
    worst.equal(_same(model(x).detach(), other(x).detach()), "and so is evaluation")


def _load(kit, worst, file, **options):
    try:
        return kit.torch.load(file, weights_only=True, **options)
    except pickle.UnpicklingError as problem:
        # that of torch 1.13 knows no float, and an optimizer's state holds its rate; the file is our own
        if kit.version >= (2, 0):
            raise
        worst.data["weights_only"] = str(problem).split("\n")[0][-120:]
        return kit.torch.load(file, **options)


def save_strict(kit, worst):
    """Strictness and files: missing, additional and misshaped entries, every dtype, shared storage, copies, whole modules."""
    torch = kit.torch
    model, _ = _make(kit)
    state = model.state_dict()
    less = {name: value for name, value in state.items() if name != "3.bias"}
    more = dict(state, extra=torch.zeros(1))
    worst.refuses(lambda: model.load_state_dict(less), RuntimeError, "a state that lacks an entry")
    worst.refuses(lambda: model.load_state_dict(more), RuntimeError, "a state with an entry too many")
    worst.refuses(lambda: model.load_state_dict(dict(state, **{"3.bias": torch.zeros(5)})), RuntimeError, "an entry of another shape")
    told = model.load_state_dict(less, strict=False)
    worst.same(list(told.missing_keys), ["3.bias"], "strict=False tells what is missing")
    worst.same(list(model.load_state_dict(more, strict=False).unexpected_keys), ["extra"], "strict=False tells what is too much")
    _train(kit, *_make(kit), steps=1)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin[0].weight.add_(1)
    worst.equal(not _same(twin[0].weight, model[0].weight), "deepcopy has weights of its own")
    first = model[0].weight.detach().clone()
    with torch.no_grad():
        model[0].weight.add_(1)
    worst.equal(not _same(first, model[0].weight) and _same(state["0.weight"], model[0].weight.detach()), "state_dict holds references")
    _files(kit, worst)


def _files(kit, worst):
    torch = kit.torch
    base = torch.arange(6.0)
    kinds = [base.to(getattr(torch, name)) for name in "float64 float32 float16 bfloat16 int64 int32 int8 uint8 bool complex64".split()]
    odd = {"kinds": kinds, "part": base[2:4], "strided": base.reshape(2, 3).t(), "empty": torch.zeros(0, 3), "number": torch.tensor(2.5)}
    odd["again"] = odd["part"]
    file = io.BytesIO()
    torch.save(odd, file)
    file.seek(0)
    back = _load(kit, worst, file)
    worst.equal(all(_same(a, b) for a, b in zip(kinds, back["kinds"])), "every dtype comes back")
    worst.equal(all(_same(odd[n], back[n]) for n in ("part", "strided", "empty", "number")), "parts, strides, empty tensors")
    back["part"][0] = 77
    worst.equal(plain(back["again"])[0] == 77, "tensors that share memory still do")
    file = io.BytesIO()
    torch.save(base, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    worst.equal(_same(_load(kit, worst, file), base), "the old file format")
    again = pickle.loads(pickle.dumps(kinds[1]))
    worst.equal(_same(again, kinds[1]), "a tensor through pickle")
    parameter = torch.nn.Parameter(base.clone())
    worst.equal(copy.deepcopy(parameter).requires_grad and isinstance(copy.copy(parameter), torch.Tensor), "a parameter's copy")
    cut = file.getvalue()
    cut = io.BytesIO(cut[: len(cut) // 2])
    worst.refuses(lambda: _load(kit, worst, cut), Exception, "a file cut short")


class Evil(object):
    """An object whose unpickling would call a function of the file's choice."""

    def __reduce__(self):
        return print, ("a pickle was executed",)


def save_refuses(kit, worst):
    """A malicious pickle is refused with weights_only=True, and since torch 2.6 by default."""
    torch = kit.torch
    file = io.BytesIO()
    torch.save({"x": Evil()}, file)

    def load(**options):
        file.seek(0)
        return torch.load(file, **options)

    worst.refuses(lambda: load(weights_only=True), pickle.UnpicklingError, "a malicious file with weights_only=True")
    if kit.version >= (2, 6) and not os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        worst.refuses(load, pickle.UnpicklingError, "a malicious file by default")


CHECKS = {
    "data.save": save_load,
    "data.strict": save_strict,
    "data.pickle": save_refuses,
}
