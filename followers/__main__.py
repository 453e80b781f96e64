"""Run the commands: ``python -m followers``."""

from followers.cli import main

main()
