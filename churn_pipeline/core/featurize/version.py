"""The fingerprint of the feature definitions."""

from __future__ import annotations

import hashlib

from churn_pipeline.contracts.features.catalogue import LEARNT, REGISTERED
from churn_pipeline.contracts.features.own import Own
from churn_pipeline.core.featurize.looks import Looks
from churn_pipeline.core.featurize.peers import peer_looks, peers_query, tally_query
from churn_pipeline.core.featurize.query import snapshots_query


def features_version(own: Own = ()) -> str:
    """Fingerprint of the feature definitions, those of a user's `own` among them: it changes when any of them, or the way they are composed, changes."""
    looks = Looks("looks")
    queries = (
        snapshots_query(looks, own=own),
        peer_looks(looks),
        tally_query("looks", REGISTERED),
        peers_query("tally"),
    )
    text = "".join(queries) + repr(
        [(f.name, f.kind, f.sql) for f in REGISTERED] + [(f.name, "number", f.sql) for f in LEARNT]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]
