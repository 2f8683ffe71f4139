"""Words on documents: names, headers, labels of forms, things on lists."""

from __future__ import annotations


def _parse(words: str) -> tuple[str, ...]:
    """Return words that are separated by spaces or lines."""
    return tuple(words.split())


FIRST_NAMES = _parse("""
    Maria Ahmed Li Olga Juan Anna Peter Fatima Raj Priya Tom Eva Hans Marie Luca Ivan Aisha
    Kofi Noah Emma Sara Jan Paul Nina Omar Yuki Chen Ana David Laura Amit Rosa Felix Grace
    Mohan Ines
""")
SURNAMES = _parse("""
    Garcia Smith Khan Wang Ivanova Silva Mueller Dubois Rossi Patel Kumar Nguyen Cohen Novak
    Jones Okafor Tanaka Lopez Meyer Schmidt Brown Singh Costa Lee Martin Haddad Petrov Hansen
    Kim Diaz
""")
SUBJECTS = _parse("""
    Maths English Physics Art History Science Music French Biology Sport Test Quiz Exam Oral
    Lab Homework Paper Task Part Unit Term Final Project Essay Viva
""")
TOTALS = ("Total", "Sum", "Marks", "Points", "Score", "Result", "Average", "Grade", "Mean")
ROW_HEADS = ("No.", "Nr.", "Roll No.", "ID", "#", "S. No.", "Reg. No.", "Seat")
NAME_HEADS = ("Name", "Student", "Candidate", "Name of student", "Pupil", "Player", "Team")
TITLES = (
    "Mark Sheet",
    "Statement of Marks",
    "Grade Sheet",
    "Results of the Examination",
    "Class Test",
    "Internal Assessment",
    "Award List",
    "Record of Marks",
    "Score Sheet",
)
SCHOOLS = (
    "Central High School",
    "University of Applied Sciences",
    "St. Mary College",
    "Department of Mathematics",
    "City Gymnasium",
    "Public School Board",
    "Faculty of Engineering",
)
FORM_LABELS = (
    "Name",
    "Address",
    "Date of birth",
    "Telephone",
    "Account number",
    "Customer No.",
    "Policy number",
    "Amount",
    "Date",
    "Postcode",
    "City",
    "Signature",
    "Invoice No.",
    "Quantity",
    "Weight",
    "Meter reading",
    "Time",
    "Room",
    "Passport No.",
    "Total",
)
GOODS = _parse("""
    milk bread rice eggs paint nails wood rent fuel paper pens coffee sugar apples seeds
    cement ticket lunch taxi repair stamps flour wire books cloth oil fish soap tea lamp rope
    glue
""")
VERBS = _parse("""
    pay call buy meet order return send check bring paid sold got due from to at for
""")
SMALL_PRINT = (
    "Please write clearly in block letters and do not write outside the boxes.",
    "This form must be returned to the office within the stated period.",
    "The examiner signs each page. Corrections must be initialled.",
    "For office use only. Do not fold or staple this sheet.",
    "I declare that the above statements are true and complete to the best of my knowledge.",
    "Incomplete forms cannot be accepted. Keep a copy for your records.",
    "All amounts must be entered without abbreviations.",
)
LEDGER_HEADS = ("Date", "Item", "Description", "Details", "Particulars", "Name", "Account")
AMOUNT_HEADS = ("Amount", "Debit", "Credit", "Balance", "Paid", "Price", "Cost", "In", "Out", "Qty")
