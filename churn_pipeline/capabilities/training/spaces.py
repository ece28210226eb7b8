"""Where each model is searched for parameters: one function a model, from which sampler, grid and first trial follow."""

from __future__ import annotations

from churn_pipeline.capabilities.training.space import Range, Space


def xgboost_space() -> Space:
    """Shallow trees, a little randomness; 216 points on a grid."""
    return Space(
        (
            Range("learning_rate", 0.06, 0.2, first=0.1, levels=2, log=True),
            Range("max_depth", 2, 6, first=4, levels=3, integer=True),
            Range("min_child_weight", 1.0, 100.0, first=10.0, levels=3, log=True),
            Range("subsample", 0.6, 1.0, first=0.8, levels=2),
            Range("colsample_bytree", 0.3, 1.0, first=0.7, levels=3),
            Range("reg_lambda", 0.1, 100.0, first=5.0, levels=2, log=True),
        )
    )


def lightgbm_space() -> Space:
    """Small trees, a little randomness; 216 points on a grid."""
    return Space(
        (
            Range("learning_rate", 0.06, 0.2, first=0.1, levels=2, log=True),
            Range("num_leaves", 4, 48, first=15, levels=3, log=True, integer=True),
            Range("min_data_in_leaf", 10, 300, first=60, levels=3, log=True, integer=True),
            Range("bagging_fraction", 0.6, 1.0, first=0.8, levels=2),
            Range("feature_fraction", 0.3, 1.0, first=0.7, levels=3),
            Range("lambda_l2", 0.1, 100.0, first=5.0, levels=2, log=True),
        )
    )


def network_space() -> Space:
    """Few units, hardly any decay; 36 points on a grid."""
    return Space(
        (
            Range("units", 8, 64, first=32, levels=3, log=True, integer=True),
            Range("learning_rate", 1e-3, 1e-2, first=3e-3, levels=3, log=True),
            Range("decay", 1e-3, 1.0, first=0.03, levels=4, log=True),
        )
    )
