"""Pure values: names, windows, definitions, generations, steps and errors.

Standard library only: no driver, no files, no clock, no environment.
"""
