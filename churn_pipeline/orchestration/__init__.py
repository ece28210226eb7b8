"""The Dagster glue that capabilities share."""
