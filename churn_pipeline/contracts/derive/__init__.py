"""What is derived from a declared table: one function each, one file each."""
