"""Ingestion: a source is read, typed and judged row by row, and nothing of it is lost."""
