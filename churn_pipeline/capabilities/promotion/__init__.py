"""Promotion: whether a challenger takes over, and the ledger of who did."""
