"""Sources of raw records: opened in `source`, read through a mapping into the texts of the contract's columns."""

from churn_pipeline.adapters.sources.opening import opened
from churn_pipeline.adapters.sources.reading import Reading, RowLawError, SourceError, SourceFile
from churn_pipeline.adapters.sources.source import Source, open_source

__all__ = ["Reading", "RowLawError", "Source", "SourceError", "SourceFile", "open_source", "opened"]
