"""A trial business whose truth is known: the source of the demo, and the judge of what the pipeline finds."""
