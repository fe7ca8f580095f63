"""`python -m framework.cli` is `millrace`."""

from framework.cli.commands import main

main()
