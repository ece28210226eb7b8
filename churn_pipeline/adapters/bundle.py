"""A scorer as a folder: everything that was fitted together, in native formats, refused if a byte of it is not the saved one.

    manifest.json     what it is: facts, library versions, sha256 of every other file
    manifest.sha256   the sha256 of the manifest, which names the bundle
    scorer.json       features, encoding, blend, calibration
    golden.json       rows with the log-odds and pushes that the scorer gave when it was saved, and the margin of each member
    xgboost.ubj, lightgbm.txt, network.npz, logistic.json     the members it has, each a file with its name

Nothing is pickled, and the same scorer, golden rows and facts give the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_pipeline.core.calibration import CalibrationError, Calibrator
from churn_pipeline.core.members import MemberError, read_member
from churn_pipeline.core.schema import FeatureSchema, SchemaError
from churn_pipeline.core.scorer import Scorer, ScorerError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FORMAT = 1
MANIFEST, SEAL, SCORER, GOLDEN = "manifest.json", "manifest.sha256", "scorer.json", "golden.json"
SCORE_TOLERANCE = 1e-9
"""Most that the log-odds of a golden row may differ by."""
PUSH_TOLERANCE = 1e-6
"""Most that a base or push of a golden row may differ by: some members explain in 32-bit floats."""


class BundleError(Exception):
    """A folder is not the bundle that was saved."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A scorer that is known to be the saved one."""

    scorer: Scorer
    manifest: dict[str, Any]
    fingerprint: str
    """The sha256 of the manifest, and so of everything."""
    differences: tuple[str, ...]
    """Libraries of another version than at saving; the golden rows agreed nevertheless."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the saver said about the model."""
        return dict(self.manifest["facts"])


def save(scorer: Scorer, folder: Path, *, golden: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """Write the bundle and give its fingerprint. The folder appears whole or not at all.

    `golden` are some tens of rows (with nulls) whose scores are checked at every load; `facts` are JSON values.

    Raises:
        BundleError: the folder exists, or there are no golden rows.
        SchemaError: the golden rows lack a feature.
    """
    if folder.exists() or not len(golden):
        raise BundleError(
            f"bundle {folder} exists; a saved bundle is never changed. Save into a new folder."
            if folder.exists()
            else f"bundle {folder} has no golden rows. Give some tens of rows of the training set."
        )
    contents = {
        SCORER: _json(_describe(scorer)),
        GOLDEN: _json(_answers(scorer, golden)),
        **{name: content for member in scorer.members for name, content in member.files().items()},
    }
    manifest = {
        "format": FORMAT,
        "facts": dict(facts),
        "files": {name: _sha256(content) for name, content in contents.items()},
        "libraries": _libraries(scorer),
    }
    contents[MANIFEST] = _json(manifest)
    contents[SEAL] = _seal(contents[MANIFEST])
    beside = folder.with_name(folder.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, content in contents.items():
        (beside / name).write_bytes(content)
    beside.rename(folder)
    return _sha256(contents[MANIFEST])


def load(folder: Path) -> Bundle:
    """The bundle of a folder, once every byte is the saved one and the golden rows score as they did.

    Raises:
        BundleError: files are missing, extra or changed (all are named), golden rows score otherwise here, or a library
            is not there or cannot read its file.
        OSError: the folder cannot be read now, which says nothing about the bundle.
    """
    contents, manifest = _unchanged(folder)
    scorer = _read(folder, contents)
    with _reading(folder, MANIFEST):
        differences = _differences(manifest["libraries"], _libraries(scorer))
    _check_golden(folder, scorer, contents, differences)
    return Bundle(scorer, manifest, _sha256(contents[MANIFEST]), differences)


def read_facts(folder: Path) -> dict[str, Any]:
    """What the saver said about the model, once every byte is the saved one; nothing is scored, so no library is loaded.

    Raises:
        BundleError: files are missing, extra or changed.
        OSError: the folder cannot be read now.
    """
    facts: dict[str, Any] = _unchanged(folder)[1]["facts"]
    return facts


def _unchanged(folder: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a bundle and its manifest, every byte as it was saved."""
    if not folder.is_dir():
        raise BundleError(f"there is no bundle {folder}.\n  do: name the folder that a training run has saved")
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    with _reading(folder, MANIFEST):
        manifest = _sealed_manifest(folder, contents)
        _check_files(folder, contents, manifest["files"])
    return contents, manifest


@contextmanager
def _reading(folder: Path, *files: str) -> Iterator[None]:
    """Name the files that could not be read.

    Raises:
        BundleError: they cannot be.
    """
    try:
        yield
    except _unreadable() as error:
        raise BundleError(
            f"bundle {folder}: {' or '.join(files)} cannot be read here: {type(error).__name__}: {error}\n"
            "  do: install the libraries and versions the bundle was saved with, fetch the bundle again, or train anew"
        ) from error


def _unreadable() -> tuple[type[Exception], ...]:
    """What parsing, the parts of a scorer and the libraries raise for content that they cannot take."""
    # not imported here: a bundle without it needs no LightGBM, and one that raised its error has imported it
    lightgbm = sys.modules.get("lightgbm.basic")
    theirs = (lightgbm.LightGBMError,) if lightgbm else ()
    # XGBoostError and JSONDecodeError are ValueErrors
    ours = (CalibrationError, MemberError, SchemaError, ScorerError)
    return (ImportError, LookupError, TypeError, ValueError, AttributeError, *ours, *theirs)


def _sealed_manifest(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Any]:
    missing = [name for name in (MANIFEST, SEAL) if name not in contents]
    if missing:
        raise _refused(folder, [f"{name} is missing" for name in missing])
    if contents[SEAL] != _seal(contents[MANIFEST]):
        raise _refused(folder, [f"{MANIFEST} was changed ({SEAL} does not name it)"])
    manifest: dict[str, Any] = json.loads(contents[MANIFEST])
    if manifest["format"] != FORMAT:
        raise BundleError(
            f"bundle {folder} has format {manifest['format']}; this version reads format {FORMAT}. Train anew."
        )
    return manifest


def _check_files(folder: Path, contents: Mapping[str, bytes], promised: Mapping[str, str]) -> None:
    there = {path.name for path in folder.iterdir()}
    offences = [
        *(f"{name} is missing" for name in sorted(set(promised) - set(contents))),
        *(f"{name} is not part of it" for name in sorted(there - set(promised) - {MANIFEST, SEAL})),
        *(
            f"{name} was changed"
            for name, sha in sorted(promised.items())
            if name in contents and _sha256(contents[name]) != sha
        ),
    ]
    if offences:
        raise _refused(folder, offences)


def _refused(folder: Path, offences: list[str]) -> BundleError:
    return BundleError(
        f"bundle {folder} is not the saved one: {'; '.join(offences)}.\n"
        "  allowed: exactly the files of its manifest, byte for byte\n"
        "  do:      bring its files back from a copy of the data directory, roll back to another model, or churn retrain"
    )


def _describe(scorer: Scorer) -> dict[str, Any]:
    return {
        "schema": scorer.schema.to_json(),
        "members": [member.name for member in scorer.members],
        "weights": list(scorer.weights),
        "intercept": scorer.intercept,
        "calibrator": scorer.calibrator.to_json(),
    }


def _read(folder: Path, contents: Mapping[str, bytes]) -> Scorer:
    members = []
    with _reading(folder, SCORER):
        described = json.loads(contents[SCORER])
        schema, calibrator = FeatureSchema.from_json(described["schema"]), Calibrator.from_json(described["calibrator"])
        names = tuple(described["members"])
    for name in names:
        with _reading(folder, _file_of(name, contents)):
            members.append(read_member(name, contents))
    with _reading(folder, SCORER):
        return Scorer(schema, tuple(members), tuple(described["weights"]), described["intercept"], calibrator)


def _file_of(member: str, contents: Mapping[str, bytes]) -> str:
    """The file that a member is read from; the scorer's own where there is none, as that asks for a member without one."""
    return next((name for name in sorted(contents) if Path(name).stem == member), SCORER)


def _answers(scorer: Scorer, golden: pd.DataFrame) -> dict[str, Any]:
    explanation = scorer.explain(golden)
    return {
        "rows": {feature.name: _nullable(feature.column(golden)) for feature in scorer.schema.features},
        "log_odds": explanation.log_odds.tolist(),
        "base_log_odds": explanation.base_log_odds,
        "pushes": explanation.pushes.tolist(),
        "margins": {member.name: member.margin(scorer.schema.encode(golden)).tolist() for member in scorer.members},
    }


def _nullable(column: NDArray[Any]) -> list[float | str | None]:
    return [None if value is None or value != value else value for value in column.tolist()]


def _check_golden(folder: Path, scorer: Scorer, contents: Mapping[str, bytes], differences: tuple[str, ...]) -> None:
    import numpy as np

    with _reading(folder, GOLDEN):
        golden = json.loads(contents[GOLDEN])
        # of a bundle that was saved before they were kept there are none: then nothing tells which file it is
        margins = {name: np.array(each) for name, each in golden.get("margins", {}).items()}
    with _reading(folder, GOLDEN, SCORER):
        frame = _golden_rows(scorer.schema, golden["rows"])
        x = scorer.schema.encode(frame)
    others = _others(folder, scorer, x, contents, margins)
    with _reading(folder, GOLDEN, SCORER):
        got = scorer.explain(frame)
        score = np.abs(got.log_odds - np.array(golden["log_odds"]))
        push = np.abs(got.pushes - np.array(golden["pushes"])).max(axis=1)
        push = np.maximum(push, abs(got.base_log_odds - golden["base_log_odds"]))
    wrong = np.flatnonzero(~((score <= SCORE_TOLERANCE) & (push <= PUSH_TOLERANCE)))
    if len(wrong):
        raise BundleError(
            f"bundle {folder}: {len(wrong)} of {len(score)} golden rows do not score as they did (first: row {wrong[0]}, "
            f"log-odds off by {score[wrong[0]]:.2g}, reasons by {push[wrong[0]]:.2g}).\n"
            f"  allowed: {SCORE_TOLERANCE:g} and {PUSH_TOLERANCE:g}\n"
            f"  because: {' or '.join(others)} is not what was saved, or a library computes otherwise\n"
            f"  libraries that differ from the saver's: {'; '.join(differences) or 'none'}\n"
            "  do:      install the versions the bundle was saved with, fetch it again, or train anew"
        )


def _golden_rows(schema: FeatureSchema, rows: Mapping[str, list[Any]]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    kinds = {feature.name: np.float64 if feature.kind == "number" else object for feature in schema.features}
    return pd.DataFrame({name: np.array(values, dtype=kinds[name]) for name, values in rows.items()})


def _others(
    folder: Path,
    scorer: Scorer,
    x: NDArray[np.float64],
    contents: Mapping[str, bytes],
    margins: Mapping[str, NDArray[np.float64]],
) -> list[str]:
    """The files that may be others than the saved ones: those of members whose margins are not as they were; what is before and
    behind the members where all are as they were, or none."""
    import numpy as np

    changed = []
    for member in scorer.members:
        file = _file_of(member.name, contents)
        with _reading(folder, file):
            now = member.margin(x)
        then = margins.get(member.name, np.empty(0))
        same = now.shape == then.shape and np.allclose(now, then, rtol=0, atol=SCORE_TOLERANCE)
        changed += [] if same else [file]
    return [*changed, *([SCORER, GOLDEN] if len(changed) in (0, len(scorer.members)) else [])]


def _libraries(scorer: Scorer) -> dict[str, str]:
    names = sorted({"numpy", *(member.library for member in scorer.members)})
    return {name: str(importlib.import_module(name).__version__) for name in names}


def _differences(saved: Mapping[str, str], here: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name} {saved.get(name, 'none')} at saving, {version} here"
        for name, version in here.items()
        if saved.get(name) != version
    )


def _seal(manifest: bytes) -> bytes:
    """As `sha256sum -c` reads it."""
    return f"{_sha256(manifest)}  {MANIFEST}\n".encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
