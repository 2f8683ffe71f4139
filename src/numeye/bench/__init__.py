"""How long things take: numeye bench starts commands and compares what they measure."""
