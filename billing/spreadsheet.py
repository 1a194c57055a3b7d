"""What is written into files that people open in a spreadsheet. Pure."""


def harmless(value: str | int) -> str | int:
    """Return a value that no spreadsheet takes for a formula; amounts below zero are numbers, not formulas.

    >>> harmless("=1+1"), harmless("-0.25"), harmless("-cmd")
    ("'=1+1", '-0.25', "'-cmd")
    """
    if isinstance(value, str) and value[:1] in {"=", "+", "@", "\t", "\r"}:
        return f"'{value}"
    if isinstance(value, str) and value[:1] == "-" and not value[1:2].isdigit():
        return f"'{value}"
    return value
