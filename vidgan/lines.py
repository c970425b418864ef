"""What is said on a screen or in a log: one line, whatever is in the names of files."""


def one_line(text: object) -> str:
    """Words with single spaces between; what a terminal would obey is shown, as Python writes it.

    A name may hold line breaks, escape sequences, and marks that turn the direction of writing.
    """
    words = " ".join(str(text).split())
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in words)
