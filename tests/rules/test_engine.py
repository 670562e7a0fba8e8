"""How rules are put to a Snapshot, and how what they find is ranked: with rules of the test's own."""

import pytest

from ptsetup import index as wheel_index
from ptsetup.facts import Message, Nvidia, Snapshot, Unknown, replace
from ptsetup.rules import _engine
from ptsetup.rules._case import Case
from ptsetup.rules._literals import literals_of
from ptsetup.rules._rule import Evidence, Finding, rule
from tests import builders

INDEX = wheel_index.load()

SEEN = (Evidence(path="host.system", value="linux"),)


def always(code, severity="error", *, certainty="certain", evidence=SEEN, **options):
    """A rule that finds something on every machine."""

    @rule(code, f"slug-{code.lower()}", severity, f"Title of {code}", **options)
    def check(_case):
        yield Finding(message=f"{code} was seen.", evidence=evidence, certainty=certainty)

    return check


def never(code, **options):
    @rule(code, f"slug-{code.lower()}", "error", "Never", **options)
    def check(_case):
        return ()

    return check


def put(*rules, snapshot=None, **options):
    return _engine.put(rules, snapshot or builders.machine(), INDEX, **options)


def codes(diagnosis):
    return [finding.code for finding in diagnosis.findings]


def test_a_rule_that_finds_nothing_has_passed():
    (verdict,) = put(never("PT100")).verdicts
    assert verdict.outcome == "passed"


def test_a_fact_that_is_not_known_skips_the_rule_and_says_why():
    snapshot = replace(
        builders.machine(nvidia=None),
        unknowns=(Unknown(path="nvidia", reason="timeout", detail="NVML did not answer in 10 s"),),
    )
    (verdict,) = put(always("PT500", needs=("nvidia.nvml.init_rc",)), snapshot=snapshot).verdicts
    assert verdict.outcome == "skipped"
    assert verdict.reason == "not known: nvidia.nvml.init_rc (timeout: NVML did not answer in 10 s)"


def test_one_of_several_facts_is_enough():
    snapshot = builders.machine(nvidia=None)
    assert codes(put(always("PT500", needs=("nvidia.gpus|host.pci",)), snapshot=snapshot)) == ["PT500"]


def test_messages_count_as_a_fact():
    mute = always("PT500", needs=("messages",))
    assert put(mute, snapshot=Snapshot()).verdicts[0].outcome == "skipped"
    assert codes(put(mute, snapshot=Snapshot(messages=(Message(text="x"),)))) == ["PT500"]


def test_a_rule_whose_text_was_heard_looks_although_facts_are_missing():
    loud = always("PT500", needs=("nvidia.nvml",), says=(r"no kernel image",))
    heard = Snapshot(messages=(Message(text="CUDA error: No Kernel Image is available"),))
    assert codes(put(loud, snapshot=heard)) == ["PT500"]


def test_a_rule_that_raises_stops_nothing_and_is_shown():
    @rule("PT111", "raises", "error", "Raises")
    def raises(_case):
        yield Finding(message="one thing", evidence=SEEN)
        raise KeyError("gone")

    diagnosis = put(raises, always("PT222"))
    assert [v.outcome for v in diagnosis.verdicts] == ["crashed", "found"]
    assert codes(diagnosis) == ["PT222", "PT992"]
    crash = diagnosis.findings[1]
    assert crash.severity == "warning"
    assert crash.subject == "PT111"
    assert "KeyError: 'gone'" in crash.message
    assert crash.evidence


def test_a_finding_without_evidence_is_a_crash_of_its_rule():
    diagnosis = put(always("PT111", evidence=()))
    assert diagnosis.verdicts[0].outcome == "crashed"
    assert "named no evidence" in diagnosis.verdicts[0].reason


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (always("PT900", "error"), always("PT100", "warning")),
        (always("PT900", "warning"), always("PT100", "note")),
        (always("PT900", certainty="certain"), always("PT100", certainty="likely")),
        (always("PT900", certainty="likely"), always("PT100", certainty="possible")),
        (always("PT900", layer=10), always("PT100", layer=60)),
        (always("PT900", is_starred=True), always("PT100")),
        (always("PT100"), always("PT900")),
    ],
    ids=["severity", "severity of a note", "certainty", "a hint", "layer", "starred", "code"],
)
def test_order(first, second):
    """Severity, then certainty, then depth, then frequency, then code; whatever the order of the rules."""
    assert codes(put(first, second)) == codes(put(second, first)) == [first.code, second.code]


def test_what_follows_from_a_deeper_cause_is_shown_under_it():
    diagnosis = put(always("PT900", layer=10), always("PT500", layer=60, hides=("PT9",)))
    assert [(f.code, f.consequence_of) for f in diagnosis.findings] == [("PT500", None), ("PT900", "PT500")]
    assert diagnosis.root.code == "PT500"


def test_a_chain_of_causes_leads_to_its_start():
    diagnosis = put(always("PT100", hides=("PT200",)), always("PT200", hides=("PT300",)), always("PT300", layer=10))
    assert {f.code: f.consequence_of for f in diagnosis.findings} == {"PT100": None, "PT200": "PT100", "PT300": "PT100"}


def test_of_two_that_explain_each_other_the_likelier_stands():
    diagnosis = put(always("PT100", hides=("PT200",), certainty="likely"), always("PT200", hides=("PT100",)))
    assert [(f.code, f.consequence_of) for f in diagnosis.findings] == [("PT200", None), ("PT100", "PT200")]


def test_a_guess_does_not_hide_a_fact():
    diagnosis = put(always("PT100", hides=("PT200",), certainty="possible"), always("PT200", certainty="likely"))
    assert all(f.consequence_of is None for f in diagnosis.findings)


def test_a_warning_does_not_hide_an_error():
    diagnosis = put(always("PT100", "warning", hides=("PT200",)), always("PT200", "error"))
    assert all(f.consequence_of is None for f in diagnosis.findings)


def test_a_note_is_no_root_cause():
    assert put(always("PT100", "note")).root is None


def test_a_finding_may_be_milder_than_its_rule():
    @rule("PT100", "mild", "error", "Mild")
    def mild(_case):
        yield Finding(message="it is fine", evidence=SEEN, severity="note")

    assert put(mild).findings[0].severity == "note"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"select": ("PT5",)}, ["PT500"]),
        ({"select": ("pt500", "slug-pt700")}, ["PT500", "PT700"]),
        ({"ignore": ("PT5",)}, ["PT100", "PT700"]),
        ({"select": ("PT",), "ignore": ("slug-pt100",)}, ["PT500", "PT700"]),
    ],
)
def test_selection(options, left):
    rules = (always("PT100"), always("PT500"), always("PT700"))
    diagnosis = put(*rules, **options)
    assert codes(diagnosis) == left
    assert [v.code for v in diagnosis.verdicts] == left


def blind(**changes):
    """A machine with a GPU and a CUDA build, which torch sees nothing of."""
    machine = builders.machine(**changes)
    return replace(machine, torch=replace(machine.torch, is_cuda_available=False, cuda_device_count=0, devices=()))


def broken(message):
    result = replace(builders.machine().torch.result, is_ok=False, error_type="ImportError", message=message)
    return builders.machine(torch=replace(builders.torch(), result=result, is_cuda_available=None))


@pytest.mark.parametrize(
    ("snapshot", "effect", "seen"),
    [
        (blind(), "PyTorch cannot use the GPU", "torch.is_cuda_available"),
        (broken("ImportError: of a kind never seen"), "PyTorch cannot be imported", "torch.result.message"),
        (
            builders.machine(torch=replace(builders.torch(), device_test="wrong result on cuda")),
            "PyTorch computes wrongly on the GPU",
            "torch.device_test",
        ),
        (
            builders.machine(torch=replace(builders.torch(), cuda_error="RuntimeError: of a kind never seen")),
            "PyTorch cannot use the GPU",
            "torch.cuda_error",
        ),
    ],
)
def test_torch_that_does_not_work_is_never_well_though_no_rule_knows_why(snapshot, effect, seen):
    diagnosis = put(never("PT100"), snapshot=snapshot)
    assert codes(diagnosis) == ["PT992"]
    assert diagnosis.root.severity == "error"
    assert diagnosis.root.message.startswith(effect)
    assert diagnosis.root.evidence[0].path == seen


@pytest.mark.parametrize(
    ("rule", "snapshot"),
    [
        (always("PT100"), blind()),
        (never("PT100"), blind(env={"CUDA_VISIBLE_DEVICES": ""})),
        (never("PT100"), blind(nvidia=Nvidia(gpus=()))),
        (never("PT100"), replace(blind(), origin="report")),
        (never("PT100"), builders.cpu_machine()),
    ],
    ids=["explained", "hidden", "no GPU", "report", "CPU build"],
)
def test_no_word_of_an_unknown_cause_where_there_is_one_or_none_is_needed(rule, snapshot):
    assert "PT992" not in codes(put(rule, snapshot=snapshot))


def test_a_warning_may_be_the_cause():
    diagnosis = put(always("PT100", "warning"), snapshot=blind())
    assert codes(diagnosis) == ["PT992", "PT100"]
    assert "the warnings may show it" in diagnosis.root.message


def test_what_is_left_out_may_know_why():
    rules = (always("PT100"), never("PT200"))
    assert codes(put(*rules, snapshot=blind(), ignore=("PT100",))) == []
    assert codes(put(*rules, snapshot=blind(), ignore=("PT200",))) == ["PT100"]
    assert codes(put(*rules, snapshot=blind(), select=("PT200",))) == []
    assert codes(put(never("PT300"), *rules[1:], snapshot=blind(), ignore=("PT200",))) == ["PT992"]


def test_the_same_input_gives_the_same_output():
    rules = (always("PT100"), always("PT500"), always("PT700", hides=("PT1",)))
    assert put(*rules) == put(*rules)


def test_evidence_of_a_report_names_its_line():
    snapshot = Snapshot(origin="report", sources={"nvidia.smi": "report line 7"})
    evidence = (Evidence(path="nvidia.smi.driver_version", value="460.32.03", source="nvidia-smi"),)
    (finding,) = put(always("PT500", evidence=evidence), snapshot=snapshot).findings
    assert finding.evidence[0].source == "report line 7"


@pytest.mark.parametrize(
    ("expect", "snapshot", "wanted"),
    [
        ("rocm", builders.machine(), "rocm"),
        (None, builders.machine(), "cuda"),
        (None, builders.cpu_machine(), "cpu"),
        (None, builders.machine(env={"UV_TORCH_BACKEND": "cpu"}), "cpu"),
        (None, builders.machine(target=builders.target(version="2.14.1+cpu")), "cuda"),
        (None, builders.machine(target=builders.target(version="2.14.1+xpu"), nvidia=Nvidia()), "xpu"),
        (None, Snapshot(), None),
    ],
    ids=["stated", "wheel", "no GPU", "variable", "GPU beside a CPU wheel", "xpu wheel", "nothing known"],
)
def test_what_is_wanted(expect, snapshot, wanted):
    assert put(snapshot=snapshot, expect=expect).expect == wanted


def test_a_report_is_judged_as_of_its_day():
    snapshot = Snapshot(origin="report", taken_at="2022-07-01")
    case = Case(snapshot, INDEX)
    assert case.as_of == "2022-07-01"
    assert case.newest_torch_then == "1.12.0"


def test_a_report_is_not_older_than_its_torch():
    snapshot = Snapshot(origin="report", taken_at="2022-07-01", target=builders.target(version="2.1.0+cu121"))
    assert Case(snapshot, INDEX).as_of == INDEX.release("2.1.0").date


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("no kernel image", ("no kernel image",)),
        ("ab|cd e", ("ab", "cd e")),
        ("ab|c*", ("",)),
        ("x (?:ab|cd)|ef", ("x ", "ef")),
        ("(?:a|b) foo", (" foo",)),
        (r"\b(?:first|second)\b.{0,9}x", ("first", "second")),
        ("(?:one|t.o)?[ab]", ("",)),
        ("(?<!not )seen(?! before)", ("seen",)),
        (r"(?P<n>\d+) GPUs?", (" gpu",)),
        ("нет (?:карты|gpu)", ("нет ",)),
        ("(?:任意|只)[^;]{0,9}卡", ("任意", "只")),
        ("ÄRGER", ("",)),
        ("colou?r space", ("r space",)),
        (r"lib\w+\.so\.\d+: undefined symbol", (": undefined symbol",)),
        ("ab{2,3}cde", ("cde",)),
        ("[Ee]rrno 28", ("rrno 28",)),
        (r"WinError 126\b", ("winerror 126",)),
        (r"\(error 804\)", ("(error 804)",)),
        (r"a\|b", ("a|b",)),
        ("(optional)? text", (" text",)),
        ("x*", ("",)),
    ],
)
def test_the_literals_of_which_a_match_must_hold_one(pattern, literals):
    assert literals_of(pattern) == literals
