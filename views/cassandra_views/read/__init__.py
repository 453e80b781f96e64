"""Reading views: the only part of this library that an application needs.

Knows no templates, plans or generations in the making: it reads one column of the registry
(``read_from``) and the physical views that it names.
"""

from cassandra_views.read.reader import ViewReader
from cassandra_views.read.result import Result, ViewColumn, ViewDescription

__all__ = ["Result", "ViewColumn", "ViewDescription", "ViewReader"]
