"""Pictures of a pipeline definition. Knows no builders and no configs."""

from constructs_lib.graph.dag import Dag, Edge, GraphError, GraphStep, read_dag
from constructs_lib.graph.mermaid import mermaid
from constructs_lib.graph.svg import svg

__all__ = ["Dag", "Edge", "GraphError", "GraphStep", "mermaid", "read_dag", "svg"]
