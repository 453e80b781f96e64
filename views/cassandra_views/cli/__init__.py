"""The command ``views``: the only part that prints and exits."""
