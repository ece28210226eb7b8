"""What is known of each trial, as of a day."""
