"""The pages of the pipeline: rankings, curves, comparisons, categories and trends, read through views alone."""
