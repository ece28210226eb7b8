"""Which features a model may use: the registered ones, and a column for each name that is common in the data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from churn_pipeline.contracts.features.catalogue import FEATURES, LEARNT, NAMED
from churn_pipeline.contracts.features.feature import Learnt
from churn_pipeline.contracts.features.own import Own
from churn_pipeline.contracts.features.value import REACHED
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.core.featurize.looks import ATTRIBUTES
from churn_pipeline.core.schema import ModelFeature, SchemaError


def vocabulary_query(snapshots: str, least_share: float = 0.01) -> str:
    """SQL: family, named, trials: the names that at least `least_share` of the trials have, the most common first."""
    families = " union all ".join(
        f"select '{named.name}' as family, trial_id, unnest(map_keys({named.name})) as named from ({snapshots})"
        for named in NAMED
        if named.words
    )
    longest = "case family " + " ".join(f"when '{n.name}' then {n.words}" for n in NAMED if n.words) + " end"
    return (
        f"select family, named, count(distinct trial_id) as trials from ({families}) group by family, named "
        f"having trials >= {least_share} * (select count(distinct trial_id) from ({snapshots})) "
        f"qualify row_number() over (partition by family order by trials desc, named) <= {longest} "
        "order by family, trials desc, named"
    )


def candidates(
    vocabulary: Mapping[str, Sequence[str]], *, own: Own = (), without: Collection[str] = ()
) -> tuple[ModelFeature, ...]:
    """Every feature a model may use, given the names found per family of named numbers; `own` say what those of a user's own say.

    Those that need one of the raw columns `without` (`table.column`) are left out.
    """
    barred = set(without)
    registered = [ModelFeature(name=f.name, kind=f.kind, says=f.says) for f in FEATURES if not barred & set(f.needs)]
    says = {one.feature: one.says for one in own}
    barred_own = {one.feature for one in own if barred & {f"{TRIALS.name}.{column}" for column in one.uses}}
    by_name = [
        ModelFeature(
            name=named.prefix + word,
            kind="number",
            says=says.get(named.prefix + word, named.says.replace("{name}", _literal(word))),
        )
        for named in NAMED
        if not barred & set(named.needs)
        for word in vocabulary.get(named.name, ())
        if named.prefix + word not in barred_own
    ]
    return (*registered, *by_name)


def feature_columns(features: Iterable[ModelFeature]) -> str:
    """SQL select list that takes these features out of a snapshot; a name that is in none of its
    maps is 0 where it was counted, else null.

    Raises:
        SchemaError: features are `unregistered`; all of them are named.
    """
    columns = {feature.name: _column(feature) for feature in features}
    unknown = [name for name, column in columns.items() if column is None]
    if unknown:
        raise SchemaError(
            f"features that no snapshot has: {', '.join(unknown)}\n"
            f"  allowed: the registered features, and, by name: {', '.join(n.prefix + 'NAME' for n in NAMED)}\n"
            "  do:      train a model on the features there are (churn retrain), or register them again"
        )
    return ", ".join(f'{column} as "{_quoted(name)}"' for name, column in columns.items())


def columns_read(features: Iterable[ModelFeature]) -> frozenset[str]:
    """The columns of a snapshot that features are taken from: their own, or the map by name."""
    registered = {feature.name for feature in FEATURES}

    def read(feature: ModelFeature) -> str:
        if feature.read_from:
            return feature.read_from
        if feature.name in registered:
            return feature.name
        maps = (named.name for named in NAMED if feature.name.startswith(named.prefix))
        return REACHED.name if feature.steps else next(maps, feature.name)

    return frozenset(read(feature) for feature in features)


def segments(features: Iterable[ModelFeature]) -> tuple[ModelFeature, ...]:
    """The categories that a trial has whatever is done in it, or that a team's own table has; each once, by name."""
    return tuple(
        {
            feature.name: feature
            for feature in features
            if feature.kind == "category" and (feature.name in ATTRIBUTES or feature.read_from)
        }.values()
    )


def unregistered(features: Iterable[ModelFeature]) -> tuple[str, ...]:
    """Names of features that no snapshot has any more: neither registered nor of a family by name."""
    return tuple(feature.name for feature in features if _column(feature) is None)


def learnt(of: Learnt, steps: Sequence[str]) -> ModelFeature:
    """The learnt feature of these steps; its name is another one for other steps, so that two models may be looked at side by side."""
    called = ", ".join(steps)
    says, lacks = of.says.replace("{name}", _literal(called)), of.lacks.replace("{name}", called)
    return ModelFeature(_learnt_name(of, steps), "number", says=says, lacks=lacks, steps=tuple(steps))


def _learnt_name(of: Learnt, steps: Sequence[str]) -> str:
    return f"{of.name}_{hashlib.sha256(json.dumps(list(steps)).encode()).hexdigest()[:6]}"


def _column(feature: ModelFeature) -> str | None:
    if feature.read_from:
        return f'"{_quoted(feature.read_from)}"'
    if feature.name in {f.name for f in FEATURES}:
        return f'"{feature.name}"'
    for of_steps in LEARNT:
        if feature.steps and feature.name == _learnt_name(of_steps, feature.steps):
            steps = ", ".join("'" + step.replace("'", "''") + "'" for step in feature.steps)
            return f"cast({of_steps.sql.replace('{steps}', f'[{steps}]')} as double)"
    for named in NAMED:
        if feature.name.startswith(named.prefix):
            word = feature.name.removeprefix(named.prefix).replace("'", "''")
            value = f"{named.name}['{word}']"
            return f"cast({value if named.absent else f'coalesce({value}, 0)'} as double)"
    return None


def _quoted(text: str) -> str:
    return text.replace('"', '""')


def _literal(word: str) -> str:
    """A word as itself inside a format template."""
    return word.replace("{", "{{").replace("}", "}}")
