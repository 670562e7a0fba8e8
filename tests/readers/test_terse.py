"""Reports of few words: hardware, platform and symptom in passing; and near misses, of which nothing may be said."""

import pytest

from tests.readers.endings import ENDINGS
from tests.readers.tales import TALES
from tests.readers.terse import TERSE
from tests.readers.test_reports import told

ALL = {**TERSE, **ENDINGS, **TALES}
CASES = [(codes, text) for cases in ALL.values() for codes, text in cases]
IDS = [f"{name}-{number}" for name, cases in ALL.items() for number in range(len(cases))]


@pytest.mark.parametrize(("codes", "text"), CASES, ids=IDS)
def test_what_is_dropped_in_passing_counts(codes, text):
    found = [code for code, _ in told(text)]
    if not codes:
        assert found == []
    elif codes[0].startswith("-"):
        assert f"-{next(iter(found), '')}" not in codes
    else:
        assert found, "nothing was found"
        assert found[0] in codes
