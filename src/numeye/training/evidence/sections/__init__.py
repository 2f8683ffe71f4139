"""What the report says, a section a file: findings, tables and figures from the results of a study."""
