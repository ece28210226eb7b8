"""Pure functions that two or more capabilities share."""
