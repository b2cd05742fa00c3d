"""Measures the kit's speed, and the same in the same run of what somebody would use in its place."""

__all__: list[str] = []
