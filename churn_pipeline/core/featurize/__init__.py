"""The one definition of a snapshot: which trials are looked at, and what a look knows, as SQL over the lake."""
