"""The rules of the house: what no single module's test can say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import churn_pipeline
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES
from churn_pipeline.contracts.lake import LAKE_TABLES
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.settings import PROJECT
from churn_pipeline_tests.tables import table_mapping

PACKAGE = Path(churn_pipeline.__file__).parent
TESTS = Path(__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "great_expectations", "evidently", "mlflow", "shap", "xgboost", "lightgbm", "sklearn", "optuna",
    "pandas", "duckdb", "pyarrow", "scipy", "matplotlib", "psycopg2", "adbc_driver_postgresql",
}  # fmt: skip
WRITTEN_BY = {"model_promotions": "champion", "prediction_errors": "scores"}
"""Tables that an asset of another name writes beside what it is called after."""
LONGEST_FUNCTION, LONGEST_MODULE = 60, 400


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imported(path: Path) -> Iterator[str]:
    """The top-level names of all modules that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_every_module_has_its_test_module_at_the_same_place() -> None:
    missing = [
        name(path)
        for path in MODULES
        if path.name not in {"__init__.py", "assets.py", "table_assets.py", "definitions.py"}
        and not (TESTS / path.relative_to(PACKAGE)).with_name(f"test_{path.name}").exists()
    ]
    assert missing == [], "write churn_pipeline_tests/<same place>/test_<module>.py"


def test_every_test_module_has_its_module() -> None:
    orphans = [
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("test_*.py")
        if path.parent != TESTS
        and not (PACKAGE / path.relative_to(TESTS)).with_name(path.name.removeprefix("test_")).exists()
        # the test of a package itself
        and path.name != f"test_{path.parent.name}.py"
        # several modules at once
        and path.name != "test_renaming.py"
    ]
    assert orphans == []


@pytest.mark.flow
def test_loading_the_definitions_loads_nothing_heavy() -> None:
    code = "import sys, dagster; before = set(sys.modules); import churn_pipeline.definitions; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.split(".")[0] for module in run.stdout.split()}
    assert "churn_pipeline" in loaded
    assert loaded & HEAVY == set(), "import it inside the function that needs it"


@pytest.mark.flow
def test_the_command_line_explains_itself_without_dagster() -> None:
    code = "import sys; import churn_pipeline.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.split(".")[0] for module in run.stdout.split()}
    assert loaded & (HEAVY | {"dagster"}) == set()


def test_the_composition_root_is_short() -> None:
    from churn_pipeline.definitions import CAPABILITIES

    lines = [
        line for line in (PACKAGE / "definitions.py").read_text().splitlines() if line.strip(' ",') not in CAPABILITIES
    ]
    assert len(lines) < 52, (
        "besides the names of capabilities it only puts together: what computes belongs into a layer below"
    )


def test_dagster_has_few_doors() -> None:
    """Assets, orchestration, definitions, the command line, and the storage that dagster.yaml names."""

    def may(path: Path) -> bool:
        place = name(path)
        return (
            place.startswith(("orchestration/", "cli/"))
            or place in {"definitions.py", "adapters/dagster_storage.py"}
            or (place.startswith("capabilities/") and path.name in ("assets.py", "table_assets.py"))
        )

    def for_types_alone(path: Path) -> bool:
        """Whether the module only names Dagster's types, under TYPE_CHECKING."""
        tree = ast.parse(path.read_text())
        hidden = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        real = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom) and node not in hidden and "dagster" in ast.unparse(node)
        ]
        return not real

    assert [
        name(p)
        for p in MODULES
        if {"dagster", "dagster_postgres"} & set(imported(p)) and not may(p) and not for_types_alone(p)
    ] == []


def test_great_expectations_has_one_door() -> None:
    assert [name(p) for p in MODULES if "great_expectations" in imported(p)] == ["capabilities/validation/suite.py"]


def test_the_query_engine_has_one_door() -> None:
    """So that the limits of memory and threads hold for every connection."""
    doors = [name(p) for p in MODULES if "duckdb.connect" in p.read_text() or "duckdb.sql(" in p.read_text()]
    assert doors == ["adapters/engine.py"]


def test_nothing_is_pickled() -> None:
    offenders = [name(p) for p in MODULES if {"pickle", "cloudpickle", "dill", "joblib"} & set(imported(p))]
    assert offenders == []
    assert [name(p) for p in MODULES if "pickle=True" in p.read_text() or "to_pickle" in p.read_text()] == []


def test_time_and_environment_are_read_at_the_edges_alone() -> None:
    """Below the composition roots they come in as arguments; the clock of the models is the database's business."""
    clocks = ("datetime.now(", "datetime.utcnow(", "date.today(", "time.time(")
    below = [p for p in MODULES if name(p).startswith(("contracts/", "core/", "capabilities/"))]
    assert [name(p) for p in below if any(clock in p.read_text() for clock in clocks)] == []
    assert [name(p) for p in below if "os.environ" in p.read_text() or "getenv" in p.read_text()] == []
    assert [name(p) for p in below if "np.random.rand" in p.read_text() or "default_rng()" in p.read_text()] == []


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a module with the number of its lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_function_and_no_module_is_too_long() -> None:
    long = [f"{name(p)}: {f} has {n} lines" for p in MODULES for f, n in functions(p) if n > LONGEST_FUNCTION]
    assert long == []
    lines = {name(p): len(p.read_text().splitlines()) for p in MODULES}
    assert {module: n for module, n in lines.items() if n > LONGEST_MODULE} == {}


def test_no_name_says_nothing() -> None:
    nothing = {"utils", "helpers", "common", "manager", "misc", "util", "helper"}
    assert [name(p) for p in PACKAGE.rglob("*") if p.stem in nothing] == []


def test_the_hooks_before_a_commit_are_there_and_check_what_make_lint_checks() -> None:
    config = PROJECT / ".pre-commit-config.yaml"
    subprocess.run([Path(sys.executable).parent / "pre-commit", "validate-config", config], check=True)
    (repo,) = yaml.safe_load(config.read_text())["repos"]
    hooks = repo["hooks"]
    assert (repo["repo"], {hook["language"] for hook in hooks}) == ("local", {"system"}), "nothing is downloaded"
    tools = [re.findall(r"^\.venv/bin/([\w-]+(?: [a-z]+)?)", hook["entry"]) for hook in hooks]
    assert [hook["id"] for hook, tool in zip(hooks, tools, strict=True) if not tool] == []
    programs = {tool.split()[0] for (tool,) in tools}
    assert {program for program in programs if not (Path(sys.executable).parent / program).exists()} == set()
    lint = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.MULTILINE)[0]
    assert [tool for (tool,) in tools] == re.findall(r"\$\(BIN\)/([\w-]+(?: [a-z]+)?)", lint)


@pytest.mark.flow
def test_a_capability_is_one_folder_and_one_name() -> None:
    from churn_pipeline.definitions import CAPABILITIES

    folders = {path.parent.name for path in PACKAGE.glob("capabilities/*/__init__.py")}
    assert folders == set(CAPABILITIES)
    assert [f for f in sorted(folders) if not (PACKAGE / "capabilities" / f / "assets.py").exists()] == []


@pytest.mark.flow
def test_every_declared_table_is_published_by_an_asset(tmp_path: Path) -> None:
    from churn_pipeline.definitions import build
    from churn_pipeline.settings import Settings

    of = (Settings(), Settings(mapping=table_mapping(tmp_path)))
    assets = {spec.key.to_user_string() for one in of for spec in build(one).resolve_all_asset_specs()}
    declared = [table.name for table in (*RAW_TABLES, *LAKE_TABLES, *ANALYTICS_TABLES)]
    assert [table for table in declared if WRITTEN_BY.get(table, table) not in assets] == []


@pytest.mark.flow
def test_every_asset_says_who_owns_it_where_it_belongs_and_what_it_is(tmp_path: Path) -> None:
    from churn_pipeline.definitions import CAPABILITIES, build
    from churn_pipeline.settings import Settings

    of = (Settings(), Settings(mapping=table_mapping(tmp_path)))
    specs = [spec for one in of for spec in build(one).resolve_all_asset_specs()]
    assert [s.key for s in specs if s.group_name not in CAPABILITIES] == []
    assert [s.key for s in specs if not (s.description and s.owners and s.kinds)] == []
    assert [s.key for s in specs if s.partitions_def is None] == []


@pytest.mark.flow
def test_the_graph_is_the_one_that_was_agreed_on(tmp_path: Path) -> None:
    from churn_pipeline_tests.graph import FILE, graphs

    assert graphs(tmp_path) == FILE.read_text(), (
        "the graph has changed: if that is meant, run `python -m churn_pipeline_tests.graph` and commit graph.txt"
    )
