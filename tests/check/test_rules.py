"""Every rule has a machine that fails it, and one that passes; what is unknown is neither."""

from __future__ import annotations

import pytest

from advisor.check.rules import RULES
from tests.check.conftest import checked, of_rule, requirement
from tests.check.fails import FAILS
from tests.check.tries import PASSES, UNKNOWN


def named(one):
    keys = ", ".join(f"{key} {value}" for key, value in one.keys.items())
    return f"{one.rule} {one.says[:40] or keys}"


def outcomes(one, nvidia_of):
    machine = one.machine(nvidia_of()) if callable(one.machine) else one.machine
    asked = (requirement(**one.keys),) if one.keys else ()
    return of_rule(checked(machine, *asked, disk=one.disk), one.rule)


@pytest.fixture
def nvidia_of(request):
    """The fixture `nvidia`, asked for only where a machine needs it."""
    return lambda: request.getfixturevalue("nvidia")


@pytest.mark.parametrize("one", FAILS, ids=named)
def test_a_rule_fails_on_a_machine_that_is_not_as_it_demands(one, nvidia_of):
    found = outcomes(one, nvidia_of)
    failed = [each for each in found if each.status in {"fail", "undetermined"}]
    if one.rule != "ADV301":
        failed = [each for each in failed if each.status == "fail"]
    said = [each for each in failed if one.says in each.found.sentence]
    assert said, [(each.status, each.found.sentence) for each in found]
    if one.severity is not None:
        assert {each.severity for each in said} == {one.severity}


@pytest.mark.parametrize("one", PASSES, ids=named)
def test_a_rule_passes_on_a_machine_that_is(one, nvidia_of):
    found = outcomes(one, nvidia_of)
    assert {each.status for each in found} == {"pass"}, [each.found for each in found]
    assert all(one.says in each.found.sentence for each in found)


@pytest.mark.parametrize("one", UNKNOWN, ids=named)
def test_what_is_not_known_is_neither(one, nvidia_of):
    found = outcomes(one, nvidia_of)
    assert {each.status for each in found} == {"undetermined"}, [each.found for each in found]
    assert all(one.says in each.found.sentence for each in found)


NEVER_FAIL = {
    "ADV300": "a requirement that is not understood is asked of no machine: test_command.py",
    "ADV112": "a machine whose memory is not known is no machine: test_run.py",
    "ADV501": "needs a broken file: test_model_rules.py",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_machine_of_either_kind(rule):
    fails = {one.rule for one in FAILS} | set(NEVER_FAIL)
    assert rule.id in fails
    assert rule.id in {one.rule for one in PASSES}


def test_an_id_stands_for_one_rule_and_rules_are_in_the_order_of_their_ids():
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert len({rule.name for rule in RULES}) == len(ids)
