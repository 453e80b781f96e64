"""The demo: the whole pipeline on one machine, in one terminal, until Ctrl-C (``python -m followers.demo``)."""
