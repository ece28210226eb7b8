"""What the system can do: one folder for each thing the business would name. They meet at tables, never at imports."""
