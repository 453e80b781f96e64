"""Numbers of settings: no truth value, no text and no NaN is taken for one. Each field adds its bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Whole = Annotated[int, Field(strict=True)]
"""A whole number."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number, whole or not."""
