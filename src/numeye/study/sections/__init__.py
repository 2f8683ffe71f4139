"""The sections of the report: each file makes sentences, tables and figures from results."""
