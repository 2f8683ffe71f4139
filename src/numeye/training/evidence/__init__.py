"""The evidence: what the project claims, tested, one file a question; `numeye compare` runs it all."""
