"""Statistics: table in, table out; patients are the unit."""
