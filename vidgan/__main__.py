"""`python -m vidgan`: the same as the command `vidgan`."""

from vidgan.cli import main

main()
