from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from churn_pipeline.capabilities.training.algebra import one_thread


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_within_it_the_linear_algebra_has_one_thread_and_afterwards_what_it_had() -> None:
    with one_thread():  # loads what it holds
        pass
    with threadpool_limits(2, user_api="blas"):
        with one_thread():
            assert threads() == {1}
        assert threads() == {2}
