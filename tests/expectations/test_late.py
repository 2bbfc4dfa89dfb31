"""Great Expectations without what no suite here uses: imported late, and whole when it is wanted."""

from __future__ import annotations

import subprocess
import sys
from ast import literal_eval

LATE = """
import sys
from expectations.late import import_the_door
import_the_door()
assert not {"scipy.stats", "altair"} & set(sys.modules)
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as distributions
assert round(distributions.stats.entropy([0.5, 0.5], [0.25, 0.75]), 4) == 0.1438
assert distributions.alt.Chart.__name__ == "Chart"
import scipy.stats
assert scipy.stats.entropy is distributions.stats.entropy
"""

FIELDS = """
import re, sys
from pydantic.v1 import BaseModel
from pydantic.v1.fields import ModelField
from expectations import late
IMPORT
assert "__deepcopy__" not in vars(ModelField)

def below(cls):
    for child in cls.__subclasses__():
        yield child
        yield from below(child)

def said(value):
    # a bound method or partial has its place in memory in its words
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))

def described(field):
    told = {name: said(getattr(field, name)) for name in ModelField.__slots__}
    told["info"] = {name: said(getattr(field.field_info, name)) for name in field.field_info.__slots__}
    told["sub"] = [described(sub) for sub in field.sub_fields or ()]
    return told

models = set(below(BaseModel))
fields = [(m.__module__, m.__qualname__, {n: described(f) for n, f in m.__fields__.items()}) for m in models]
print(*sorted(map(str, fields)), sep="\\n")

def parts(field):
    yield from (field, field.field_info, field.field_info.extra, field.class_validators)
    for sub in field.sub_fields or ():
        yield from parts(sub)

owners = {}
for model in models:
    for name, field in model.__fields__.items():
        for part in parts(field):
            owners.setdefault(id(part), []).append((model.__module__, model.__qualname__, name))
# generic models of pydantic share what is said of a field, whoever copies
print(sorted(sorted(shared) for shared in owners.values() if len(shared) > 1))
print(len(models))
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_no_suite_uses_is_imported_when_it_is_asked_for() -> None:
    run(LATE)


def test_classes_have_the_fields_that_pydantic_would_have_given_them_and_share_no_more() -> None:
    """All four hundred, compared with those of an import in which pydantic copies as it does."""
    *ours, our_shared, number = run(FIELDS.replace("IMPORT", "late.import_the_door()")).splitlines()
    *theirs, their_shared, _ = run(
        FIELDS.replace("IMPORT", "import great_expectations, expectations.bench")
    ).splitlines()
    assert int(number) > 300
    assert ours == theirs
    assert {*map(str, literal_eval(our_shared))} <= {*map(str, literal_eval(their_shared))}
