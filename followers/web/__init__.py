"""The pages of the pipeline: rankings, curves, comparisons, categories and trends, read through views alone."""

from followers.web.app import create_app

__all__ = ["create_app"]
