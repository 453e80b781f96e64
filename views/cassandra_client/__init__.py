"""The client of Cassandra that all parts share: sessions, statements and errors; it knows none of them."""
