"""What is ready and how a run ends, over random graphs of tasks."""

from hypothesis import given
from hypothesis import strategies as st

from agents.engine.predicate import Node, is_acyclic, newly_ready, verdict


@st.composite
def graphs(draw: st.DrawFn) -> dict[int, frozenset[int]]:
    """Tasks 0..n-1, each with needs among the earlier ones."""
    size = draw(st.integers(1, 9))
    return {
        number: frozenset(draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else ())
        for number in range(size)
    }


def nodes(needs: dict[int, frozenset[int]], states: dict[int, str]) -> dict[int, Node[int]]:
    return {key: Node(states[key], wanted) for key, wanted in needs.items()}


@given(graphs(), st.randoms(use_true_random=False))
def test_every_graph_runs_to_its_end_in_any_order(needs, chance):
    states = dict.fromkeys(needs, "pending")
    for _ in range(len(needs) + 1):
        for key in newly_ready(nodes(needs, states)):
            assert all(states[need] in ("done", "skipped") for need in needs[key])
            states[key] = "ready"
        ready = [key for key, state in states.items() if state == "ready"]
        if not ready:
            break
        assert verdict(nodes(needs, states)) == "going"
        states[chance.choice(ready)] = chance.choice(["done", "skipped"])

    assert verdict(nodes(needs, states)) == "done"


@given(graphs(), st.data())
def test_one_failed_task_fails_the_run_whatever_the_others_do(needs, data):
    states = {key: data.draw(st.sampled_from(["pending", "ready", "running", "done", "skipped"])) for key in needs}
    states[data.draw(st.sampled_from(sorted(needs)))] = "failed"

    assert verdict(nodes(needs, states)) == "failed"


@given(graphs(), st.data())
def test_a_run_is_done_only_when_nothing_is_open(needs, data):
    states = {key: data.draw(st.sampled_from(["pending", "ready", "running", "done", "skipped"])) for key in needs}

    is_done = verdict(nodes(needs, states)) == "done"

    assert is_done == all(state in ("done", "skipped") for state in states.values())


def test_a_run_without_tasks_has_failed():
    assert verdict({}) == "failed"


def test_tasks_that_wait_for_each_other_do_not_look_busy_for_ever():
    circle = {1: Node("pending", frozenset({2})), 2: Node("pending", frozenset({1}))}

    assert verdict(circle) == "failed"


def test_a_need_that_was_removed_holds_nobody():
    assert newly_ready({2: Node("pending", frozenset({1}))}) == {2}


@given(graphs())
def test_graphs_that_look_back_have_no_circle(needs):
    assert is_acyclic(needs)


@given(graphs().filter(lambda needs: len(needs) > 1))
def test_a_way_back_makes_a_circle(needs):
    last = max(needs)
    chain = {key: wanted | ({key - 1} if key else {last}) for key, wanted in needs.items()}

    assert not is_acyclic({key: frozenset(wanted) for key, wanted in chain.items()})
