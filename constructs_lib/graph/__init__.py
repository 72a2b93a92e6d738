"""Pictures of a pipeline definition. Imports nothing of the app but its errors."""

from constructs_lib.graph.dag import Dag, Edge, GraphBranch, GraphError, GraphStep, read_dag
from constructs_lib.graph.mermaid import mermaid
from constructs_lib.graph.svg import svg

__all__ = ["Dag", "Edge", "GraphBranch", "GraphError", "GraphStep", "mermaid", "read_dag", "svg"]
