"""The JSON API: views are listed, described and read by their keys."""
