"""The command line: options, commands and output formats."""
