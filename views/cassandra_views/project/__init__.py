"""The only reader of files: templates, front matter and views.toml."""
