"""Nodes as processes of this machine, for the cluster of ``terraform/local``: started, fenced, ended, inspected.

Needs the extra ``embedded``. Nothing here is used for machines of a cloud.
"""
