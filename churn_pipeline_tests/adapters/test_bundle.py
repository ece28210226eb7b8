from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from churn_pipeline.adapters.bundle import BundleError, load, save
from churn_pipeline.core.members import Member, kinds
from churn_pipeline.core.members.logistic import LogisticMember
from churn_pipeline.core.reasons import reasons
from churn_pipeline.core.schema import FeatureSchema
from churn_pipeline.core.scorer import Scorer
from churn_pipeline_tests.scorers import fitted, lightgbm_member, network_member, trials, xgboost_member

FILES = {
    "manifest.json",
    "manifest.sha256",
    "scorer.json",
    "golden.json",
    "xgboost.ubj",
    "lightgbm.txt",
    "network.npz",
    "logistic.json",
}
FACTS = {"trained_until": "2024-03-01", "auc": 0.78}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(fitted(), tmp_path / "model", golden=trials(20, seed=3)[0], facts=FACTS)
    return tmp_path / "model"


def _reseal(folder: Path) -> None:
    """Make the sums agree again, as someone would who meant it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: _sha256(folder / name) for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "manifest.sha256").write_text(f"{_sha256(folder / 'manifest.json')}  manifest.json\n")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_loaded_scores_and_explains_as_what_was_saved(folder: Path) -> None:
    bundle = load(folder)
    frame, _ = trials(300, seed=4)
    saved, loaded = fitted().explain(frame), bundle.scorer.explain(frame)
    np.testing.assert_array_equal(loaded.log_odds, saved.log_odds)
    np.testing.assert_array_equal(loaded.pushes, saved.pushes)
    assert bundle.scorer.schema == fitted().schema
    assert reasons(loaded, frame, bundle.scorer.schema).equals(reasons(saved, frame, fitted().schema))
    assert bundle.facts == FACTS
    assert bundle.differences == ()


def test_the_same_scorer_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    fingerprint = save(load(folder).scorer, tmp_path / "again", golden=trials(20, seed=3)[0], facts=FACTS)
    assert {path.name for path in folder.iterdir()} == FILES
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
    assert fingerprint == load(folder).fingerprint == _sha256(folder / "manifest.json")


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_changed_byte_is_refused_by_the_name_of_its_file(folder: Path, name: str, share: float) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(share * (len(content) - 1))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=name):
        load(folder)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        load(folder)


def test_files_that_are_missing_extra_and_changed_are_named_at_once(folder: Path) -> None:
    (folder / "xgboost.ubj").unlink()
    (folder / "hook.py").write_text("print('hello')")
    (folder / "more").mkdir()
    (folder / "logistic.json").write_text("{}")
    with pytest.raises(BundleError) as refused:
        load(folder)
    for offence in ("xgboost.ubj is missing", "hook.py is not part", "more is not part", "logistic.json was changed"):
        assert offence in str(refused.value)


def test_golden_rows_that_score_otherwise_are_refused_even_under_a_good_seal(folder: Path) -> None:
    scorer = json.loads((folder / "scorer.json").read_text())
    scorer["intercept"] += 1e-7
    (folder / "scorer.json").write_text(json.dumps(scorer))
    _reseal(folder)
    with pytest.raises(BundleError, match="20 of 20 golden rows do not score as they did"):
        load(folder)


@pytest.mark.parametrize("name", sorted(FILES - {"manifest.json", "manifest.sha256"}))
@pytest.mark.parametrize("content", [b"{}", b"[1, 2]", b"neither JSON nor a model"])
def test_content_that_cannot_be_read_is_refused_by_name_even_under_a_good_seal(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    _reseal(folder)
    with pytest.raises(BundleError, match=f"{name}.* cannot be read here"):
        load(folder)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("resealed", [False, True])
def test_a_file_that_was_cut_in_half_is_refused_by_name(folder: Path, name: str, resealed: bool) -> None:
    content = (folder / name).read_bytes()
    if resealed and name not in {"manifest.json", "manifest.sha256"}:
        (folder / name).write_bytes(content[: len(content) // 2])
        _reseal(folder)
    else:
        (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=rf"{name}.* (was changed|cannot be read here)|\({name} does not name it"):
        load(folder)


@pytest.mark.parametrize("resealed", [False, True])
def test_the_schema_of_another_bundle_is_refused_by_name(folder: Path, tmp_path: Path, resealed: bool) -> None:
    """One with the levels of a category in another order, and one with a feature that these rows do not have."""
    scorer = json.loads((folder / "scorer.json").read_text())
    swapped = [_other_order(fitted()), _other_feature(fitted())]
    for number, other in enumerate(swapped):
        save(other, tmp_path / f"other{number}", golden=trials(20, seed=3)[0].assign(luck=1.0), facts=FACTS)
        theirs = json.loads((tmp_path / f"other{number}" / "scorer.json").read_text())
        (folder / "scorer.json").write_text(json.dumps(scorer | {"schema": theirs["schema"]}))
        if resealed:
            _reseal(folder)
        with pytest.raises(BundleError, match=r"scorer\.json"):
            load(folder)


def _other_order(scorer: Scorer) -> Scorer:
    schema = scorer.schema.to_json()
    (sector,) = (feature for feature in schema["features"] if feature["name"] == "sector")
    sector["levels"] = sector["levels"][::-1]
    return replace(scorer, schema=FeatureSchema.from_json(schema))


def _other_feature(scorer: Scorer) -> Scorer:
    schema = scorer.schema.to_json()
    schema["features"][0]["name"] = "luck"
    return replace(scorer, schema=FeatureSchema.from_json(schema))


@pytest.mark.parametrize("name", sorted(name for name in FILES if Path(name).stem in kinds()))
def test_a_member_of_another_bundle_is_named_though_it_can_be_read_and_the_seal_is_good(
    folder: Path, tmp_path: Path, name: str
) -> None:
    save(_shorter(fitted()), tmp_path / "other", golden=trials(20, seed=3)[0], facts=FACTS)
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    _reseal(folder)
    with pytest.raises(BundleError, match=f"because: {name} is not what was saved"):
        load(folder)


def _shorter(scorer: Scorer) -> Scorer:
    """The same with members that learnt for a few rounds only."""
    frame, labels = trials(600, seed=8)
    x = scorer.schema.encode(frame)
    others: dict[str, Member] = {
        "xgboost": xgboost_member(x, labels, 5),
        "lightgbm": lightgbm_member(x, labels, 5),
        "network": network_member(x, labels, 5),
        "logistic": LogisticMember.fit(x, labels, strength=9.0),
    }
    return replace(scorer, members=tuple(others[member.name] for member in scorer.members))


def test_a_library_that_is_not_there_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(BundleError, match=r"cannot be read here: ModuleNotFoundError: .*xgboost(.|\n)*do: install"):
        load(folder)


def test_every_kind_of_member_has_one_file_with_its_name() -> None:
    files = {member.name: [Path(name).stem for name in member.files()] for member in fitted().members}
    assert files == {name: [name] for name in kinds() if name in files}
    assert {name for name in FILES if Path(name).stem in kinds()} == {n for m in fitted().members for n in m.files()}


def test_another_version_of_a_library_is_told_and_tolerated_while_golden_rows_agree(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    here = manifest["libraries"]["xgboost"]
    manifest["libraries"]["xgboost"] = "1.0"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    _reseal(folder)
    assert load(folder).differences == (f"xgboost 1.0 at saving, {here} here",)


def test_a_bundle_is_never_overwritten_and_never_without_golden_rows(folder: Path, tmp_path: Path) -> None:
    frame, _ = trials(5, seed=3)
    with pytest.raises(BundleError, match="never changed"):
        save(fitted(), folder, golden=frame, facts={})
    with pytest.raises(BundleError, match="no golden rows"):
        save(fitted(), tmp_path / "other", golden=frame.iloc[:0], facts={})


def test_what_a_killed_save_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "model.new").mkdir()
    (tmp_path / "model.new" / "junk").write_text("half")
    save(fitted(), tmp_path / "model", golden=trials(5, seed=3)[0], facts={})
    assert {path.name for path in load(tmp_path / "model").scorer.members and (tmp_path / "model").iterdir()} == FILES


def test_a_folder_that_is_not_there_or_of_another_format_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle"):
        load(tmp_path / "nowhere")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    _reseal(folder)
    with pytest.raises(BundleError, match="has format 99; this version reads format 1"):
        load(folder)
