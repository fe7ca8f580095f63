"""What pydantic found wrong, said on one line."""

from pydantic import ValidationError


def problems_of(error: ValidationError) -> str:
    """All problems on one line, each with its field, without the values: they may be private."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'the record'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )
