"""The feature registry: families are files, a feature is one row in one of them."""
