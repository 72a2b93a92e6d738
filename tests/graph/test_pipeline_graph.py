"""Pictures of pipelines, and that the documents hold the current ones."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.errors import ReleaseError
from constructs_lib.graph import Dag, Edge, GraphError, mermaid, read_dag, svg
from constructs_lib.graph.layout import lay_out
from docs.draw_pictures import PICTURES, every_shape, pictures, with_graphs
from docs.writing import ROOT

SVG = "{http://www.w3.org/2000/svg}"
GOLDEN = sorted((ROOT / "tests" / "synth" / "golden").glob("*.json"))


def step(name: str, *references: str, **members: Any) -> dict[str, Any]:
    arguments = [{"Get": f"Steps.{reference}.Output"} for reference in references]
    return {"Name": name, "Type": "Processing", "Arguments": {"Values": arguments}, **members}


def gate(name: str, *, if_: list[Any], else_: list[Any], **members: Any) -> dict[str, Any]:
    arguments = {"Conditions": [], "IfSteps": if_, "ElseSteps": else_}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}


def dag_of(*steps: dict[str, Any]) -> Dag:
    return read_dag({"Steps": [*steps]})


def test_references_dependencies_and_branches_are_edges() -> None:
    dag = dag_of(
        step("A"),
        step("B", "A"),
        gate("G", if_=[step("Yes", "B")], else_=[step("No")], DependsOn=["B"]),
    )

    assert set(dag.edges) == {
        Edge("A", "B"),
        Edge("B", "G"),
        Edge("G", "Yes", "true"),
        Edge("B", "Yes"),
        Edge("G", "No", "false"),
    }


def test_edges_that_others_imply_are_left_out_of_pictures() -> None:
    dag = dag_of(step("A"), step("B", "A"), step("C", "A", "B"))

    assert dag.reduced().edges == (Edge("A", "B"), Edge("B", "C"))


def test_an_edge_of_a_condition_is_left_out_only_for_a_way_through_the_same_branch() -> None:
    dag = dag_of(gate("G", if_=[step("A"), step("B", "A")], else_=[]), step("C", "B"))
    assert dag.reduced().edges == (Edge("G", "A", "true"), Edge("A", "B"), Edge("B", "C"))

    other = dag_of(gate("G", if_=[step("Yes")], else_=[step("No", "Yes")]))
    assert set(other.reduced().edges) == {
        Edge("G", "Yes", "true"),
        Edge("G", "No", "false"),
        Edge("Yes", "No"),
    }


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "no steps"),
        ([step("A", "Missing")], "'Missing', which is not a step"),
        ([step("A", "B"), step("B", "A")], "wait for each other"),
    ],
)
def test_what_is_no_graph_is_named(steps: list[Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        dag_of(*steps)


def test_mermaid_names_steps_types_and_outcomes() -> None:
    text = mermaid(dag_of(gate("end", if_=[step("A")], else_=[])))

    assert text.splitlines() == [
        "flowchart TD",
        '    s0{{"end<br><small>Condition</small>"}}',
        '    s1["A<br><small>Processing</small>"]',
        "    s0 -->|true| s1",
    ]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_drawing_has_every_step_and_edge_inside_of_it(path: Path) -> None:
    dag = read_dag(json.loads(path.read_text()))
    root = ElementTree.fromstring(svg(dag, title="a < b"))

    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    groups = [each for each in root.iter(f"{SVG}g") if each.get("class") == "step"]
    assert [each.get("data-step") for each in groups] == [step.name for step in dag.steps]
    edges = [each for each in root.iter(f"{SVG}path") if each.get("class") == "edge"]
    assert len(edges) == len(dag.reduced().edges)
    for box in root.iter(f"{SVG}rect"):
        x, y = float(box.get("x", 0)), float(box.get("y", 0))
        assert x >= 0
        assert x + float(box.attrib["width"]) <= width
        assert y + float(box.attrib["height"]) <= height


def test_a_drawing_can_be_read_aloud() -> None:
    root = ElementTree.fromstring(svg(dag_of(step("A"), step("B", "A")), title="a < b"))

    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "a < b"
    assert root.findtext(f"{SVG}desc") == "A, Processing, starts. B, Processing, after A."


def test_steps_of_a_row_never_overlap_even_when_many() -> None:
    names = [f"Step-{'x' * (index % 7)}-{index}" for index in range(30)]
    dag = dag_of(step("First"), *(step(name, "First") for name in names), step("Last", *names))
    layout = lay_out(dag.reduced())

    for row in layout.rows:
        for left, right in pairwise(row):
            space = layout.centres[right] - layout.centres[left]
            assert space >= (layout.widths[left] + layout.widths[right]) / 2


def test_a_row_is_ordered_so_that_edges_do_not_cross() -> None:
    dag = dag_of(step("A"), step("B"), step("of-B", "B"), step("of-A", "A"))

    rows = lay_out(dag.reduced()).rows

    assert [name[-1] for name in rows[0]] == [name[-1] for name in rows[1]]


def test_a_long_edge_goes_around_what_is_between() -> None:
    dag = dag_of(step("A"), step("B", "A"), step("C", "B"), step("D", "A"), step("E", "C", "D"))

    way = lay_out(dag.reduced()).ways[Edge("D", "E")]

    assert (way[0], len(way), way[-1]) == ("D", 3, "E")


def test_the_documents_hold_the_current_pictures_and_no_others() -> None:
    current = pictures()
    stale = [
        str(path.relative_to(ROOT))
        for path, text in current.items()
        if not path.exists() or path.read_text() != text
    ]

    assert stale == [], "run: make pictures"
    assert set(PICTURES.glob("*.svg")) <= set(current), "run: make pictures"


def test_every_setting_that_chooses_steps_is_in_the_shapes() -> None:
    names = [shape.name for shape in every_shape()]

    assert len(names) == len(set(names)) == 24
    assert {name.split("-")[2] for name in names} == {"enforce", "warn", "off"}


def test_a_document_that_asks_for_an_unknown_shape_is_an_error() -> None:
    with pytest.raises(ReleaseError, match=r"graph 'other'\. There are: one"):
        with_graphs("<!-- graph:other -->\n<!-- /graph -->", {"one": dag_of(step("A"))})
