"""A plan is valid whatever the model answers: sections in order, every fact once, no circle, several steps at once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.writing import planning, templates
from agents.writing.figures import has_digits
from agents.writing.plan import Plan
from tests.agents.writing.briefs import BRIEFS
from tests.agents.writing.models import LARGE, SCRIPTED, SMALL, Small, material_of, planned

PROFILES = {"small": SMALL, "large": LARGE, "scripted": SCRIPTED}
JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=20) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["title", "sections", "role", "objective", "facts", "after", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


def parsed(name: str, profile, text: str) -> Plan:
    template, brief, sources, found = material_of(name)
    return planning.parse(text, template=template, brief=brief, sources=sources, facts=found, profile=profile)


def is_sound(plan: Plan, facts: int) -> None:
    numbers = [task.number for task in plan.tasks]
    assert numbers == list(range(1, len(numbers) + 1))
    for task in plan.tasks:
        assert all(need < task.number for need in task.needs)
    used = [number for task in plan.tasks for number in task.fact_numbers]
    assert len(used) == len(set(used))
    assert set(used) <= set(range(1, facts + 1))
    titles = [task.section for task in plan.outline()]
    assert len(titles) == len(set(titles))
    assert titles[0] == "Summary"
    assert titles[-1] == "Next steps"
    assert len([task for task in plan.tasks if not task.needs and task.section]) >= 3
    assert all(task.estimate_output >= 0 for task in plan.tasks)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("name", sorted(BRIEFS))
async def test_a_plan_puts_every_fact_of_the_brief_in_one_place(name, profile):
    _, _, _, found = material_of(name)
    plan = parsed(name, profile, "")
    is_sound(plan, len(found))
    used = [number for task in plan.tasks for number in task.fact_numbers]
    assert sorted(used) == [fact.number for fact in found]


@given(text=st.text(max_size=60) | JUNK.map(lambda value: json.dumps(value)), which=st.sampled_from(sorted(PROFILES)))
def test_whatever_a_model_answers_the_plan_is_sound(text, which):
    _, _, _, found = material_of("museum")
    is_sound(parsed("museum", PROFILES[which], text), len(found))


async def test_a_small_model_s_questions_are_taken_over():
    plan = await planned("tea", SMALL, Small())
    assert all(task.question.startswith("Who ") for task in plan.tasks if task.kind == "compose")


@pytest.mark.parametrize(
    "question",
    [
        "How many first orders will we get?",
        "How long does the launch take?",
        "Which tea is the best of all?",
        "Which members row often enough to need the boathouse in winter?",
        "Why is the price lower than before?",
        "Who asks the ortal?",
        "Tell me about tea",
    ],
)
def test_a_question_that_leads_into_trouble_is_replaced_by_the_template_s(question):
    plan = parsed("tea", SMALL, f"Audience: {question}")
    spec = templates.load()["campaign"].section("audience")
    assert next(task for task in plan.tasks if task.catalogue == "audience").question == spec.question


@pytest.mark.parametrize("name", sorted(BRIEFS))
def test_a_planning_request_is_the_same_each_time_and_shows_a_small_model_no_figure(name):
    template, brief, sources, found = material_of(name)
    made = [
        planning.request(template, brief=brief, sources=sources, facts=found, profile=profile)
        for profile in (SMALL, SMALL, LARGE, LARGE)
    ]
    assert made[0] == made[1]
    assert made[2] == made[3]
    assert not any(has_digits(turn.text) for turn in made[0].turns)
    assert made[0].grammar is not None
    assert made[2].schema is not None


def test_a_plan_survives_its_json():
    plan = parsed("app", LARGE, "")
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan


def test_a_section_that_code_adds_is_not_planned_twice():
    sections = [
        {"title": title, "role": "writer", "objective": "x", "facts": [], "after": []}
        for title in ("Budget", "Summary", "Next steps", "Sources", "Voice", "Places", "**Places:**", "Voice")
    ]
    plan = parsed("tea", LARGE, json.dumps({"title": "T", "sections": sections}))
    titles = [task.section for task in plan.tasks if task.kind == "compose"]
    assert titles == ["Voice", "Places"]


@pytest.mark.parametrize("template", templates.load().values(), ids=templates.SLUGS)
def test_a_template_holds_together(template):
    keys = {spec.key for spec in template.sections}
    assert {key for key, _ in template.rules} <= keys
    for spec in template.sections:
        assert spec.role in template.roles
        assert set(spec.after) <= keys
        assert spec.key in template.scenario
        assert not has_digits(spec.question)
        assert len(spec.verbs) >= 2
        assert spec.kind != "compose" or (len(spec.leads) >= 2 and len(spec.actions) >= 4)
    for role in template.roles.values():
        assert role.hue in templates.HUES
