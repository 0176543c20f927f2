"""The report of what was measured: made from sums of days, and told as a page, as a table, as one document."""
