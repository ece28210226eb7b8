"""Training: from landmark snapshots of matured trials to one fitted, calibrated and tested scorer."""
