"""The scores of a day, their reasons, and what each trial should get."""
