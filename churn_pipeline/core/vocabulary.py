"""Which features a model may use: the registered ones, and a column for each name that is common in the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS
from churn_pipeline.core.schema import ModelFeature

LONGEST = 40
"""Names kept of each family."""


def vocabulary_query(snapshots: str, least_share: float = 0.01) -> str:
    """SQL: family, named, trials: the names that at least `least_share` of the trials have, the most common first."""
    families = " union all ".join(
        f"select '{counts.name}' as family, trial_id, unnest(map_keys({counts.name})) as named from ({snapshots})"
        for counts in NAMED_COUNTS
    )
    return (
        f"select family, named, count(distinct trial_id) as trials from ({families}) group by family, named "
        f"having trials >= {least_share} * (select count(distinct trial_id) from ({snapshots})) "
        f"qualify row_number() over (partition by family order by trials desc, named) <= {LONGEST} "
        "order by family, trials desc, named"
    )


def candidates(vocabulary: Mapping[str, Sequence[str]]) -> tuple[ModelFeature, ...]:
    """Every feature a model may use, given the names found per family of named counts."""
    registered = [ModelFeature(name=f.name, kind=f.kind, says=f.says) for f in FEATURES]
    named = [
        ModelFeature(name=counts.prefix + word, kind="number", says=counts.says.replace("{name}", _literal(word)))
        for counts in NAMED_COUNTS
        for word in vocabulary.get(counts.name, ())
    ]
    return (*registered, *named)


def feature_columns(features: Iterable[ModelFeature]) -> str:
    """SQL select list that takes these features out of a snapshot; a name that was never counted is 0."""
    return ", ".join(f'{_column(feature.name)} as "{_quoted(feature.name)}"' for feature in features)


def _column(feature: str) -> str:
    if feature in {f.name for f in FEATURES}:
        return f'"{feature}"'
    for counts in NAMED_COUNTS:
        if feature.startswith(counts.prefix):
            word = feature.removeprefix(counts.prefix).replace("'", "''")
            return f"cast(coalesce({counts.name}['{word}'], 0) as double)"
    raise KeyError(f"feature {feature!r} is neither registered nor a count of a name")


def _quoted(text: str) -> str:
    return text.replace('"', '""')


def _literal(word: str) -> str:
    """A word as itself inside a format template."""
    return word.replace("{", "{{").replace("}", "}}")
