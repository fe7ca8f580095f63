"""Problems: refusals that a program can read (RFC 9457), and that tell nothing secret."""

from http import HTTPStatus

from starlette.responses import JSONResponse


def problem(status: HTTPStatus, detail: str, **more: object) -> JSONResponse:
    """An answer that says what is wrong, without what was sent; `more` is for programs."""
    content = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **more,
    }
    return JSONResponse(content, status.value, media_type="application/problem+json")
