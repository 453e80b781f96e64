"""Development only: the nodes of ``terraform/local`` as processes of this machine: started, fenced, ended, inspected.

Needs the extra ``embedded``. Nothing here is used for machines of a cloud.
"""
