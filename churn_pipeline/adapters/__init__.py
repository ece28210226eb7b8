"""The outside world, one file a neighbour: lake, engine, warehouse, model registry, sources."""
