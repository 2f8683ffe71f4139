"""Whole synthetic documents: mark sheets, ledgers, score cards, forms, notes and cheques."""
