"""Which features a model may use: the registered ones, and a column for each name that is common in the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS
from churn_pipeline.core.schema import ModelFeature, SchemaError


def vocabulary_query(snapshots: str, least_share: float = 0.01) -> str:
    """SQL: family, named, trials: the names that at least `least_share` of the trials have, the most common first."""
    families = " union all ".join(
        f"select '{counts.name}' as family, trial_id, unnest(map_keys({counts.name})) as named from ({snapshots})"
        for counts in NAMED_COUNTS
    )
    longest = "case family " + " ".join(f"when '{c.name}' then {c.words}" for c in NAMED_COUNTS) + " end"
    return (
        f"select family, named, count(distinct trial_id) as trials from ({families}) group by family, named "
        f"having trials >= {least_share} * (select count(distinct trial_id) from ({snapshots})) "
        f"qualify row_number() over (partition by family order by trials desc, named) <= {longest} "
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
    """SQL select list that takes these features out of a snapshot; a name that was never counted is 0.

    Raises:
        SchemaError: features are `unregistered`; all of them are named.
    """
    columns = {feature.name: _column(feature.name) for feature in features}
    unknown = [name for name, column in columns.items() if column is None]
    if unknown:
        raise SchemaError(
            f"features that no snapshot has: {', '.join(unknown)}\n"
            f"  allowed: the registered features, and counts: {', '.join(c.prefix + 'NAME' for c in NAMED_COUNTS)}\n"
            "  do:      train a model on the features there are (churn retrain), or register them again"
        )
    return ", ".join(f'{column} as "{_quoted(name)}"' for name, column in columns.items())


def columns_read(features: Iterable[ModelFeature]) -> frozenset[str]:
    """The columns of a snapshot that features are taken from: their own, or the map that counts by name."""
    registered = {feature.name for feature in FEATURES}
    maps = {f.name: next((c.name for c in NAMED_COUNTS if f.name.startswith(c.prefix)), f.name) for f in features}
    return frozenset(name if name in registered else column for name, column in maps.items())


def unregistered(features: Iterable[ModelFeature]) -> tuple[str, ...]:
    """Names of features that no snapshot has any more: neither registered nor a count of a name."""
    return tuple(feature.name for feature in features if _column(feature.name) is None)


def _column(feature: str) -> str | None:
    if feature in {f.name for f in FEATURES}:
        return f'"{feature}"'
    for counts in NAMED_COUNTS:
        if feature.startswith(counts.prefix):
            word = feature.removeprefix(counts.prefix).replace("'", "''")
            return f"cast(coalesce({counts.name}['{word}'], 0) as double)"
    return None


def _quoted(text: str) -> str:
    return text.replace('"', '""')


def _literal(word: str) -> str:
    """A word as itself inside a format template."""
    return word.replace("{", "{{").replace("}", "}}")
