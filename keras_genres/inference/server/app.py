"""The HTTP face of a `Service`: routes, statuses and OpenAPI."""

import contextlib
import time
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from keras_genres import __version__
from keras_genres.errors import one_line
from keras_genres.inference.server import documents
from keras_genres.inference.server.body import Exchange, read_body, unless_gone
from keras_genres.inference.server.forms import MultipartForm, UrlForm
from keras_genres.inference.server.limits import Gone, Refused
from keras_genres.inference.server.pages import HEADERS, page_routes
from keras_genres.inference.server.queries import ExplainQuery, NoQuery, PredictQuery
from keras_genres.inference.server.service import TOO_LARGE

_GONE = 499  # nobody reads it; for the metrics


def make_app(service):
    """Return the ASGI application of a `Service`.

    Example:
        >>> client = TestClient(make_app(service))
        >>> client.post("/v1/predict", files=[("posters", open("a.jpg", "rb"))]).json()
    """

    @contextlib.asynccontextmanager
    async def lifespan(_):
        await service.start()
        yield
        await service.stop()

    api = FastAPI(
        title="keras-genres",
        version=__version__,
        description="Genres of film posters. Upload posters, get scores of 19 genres.",
        docs_url=None,  # these two pages ask other hosts for their scripts
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    _add_model_routes(api, service)
    _add_state_routes(api, service)
    pages = page_routes()
    for path, endpoint in pages.items():
        api.add_route(path, endpoint, methods=["GET"], include_in_schema=False)
    api.add_exception_handler(Refused, lambda _, error: _refusal(service, error))
    api.add_exception_handler(Gone, lambda *_: Response(status_code=_GONE))
    api.add_exception_handler(RequestValidationError, lambda _, error: _wrong_query(error))
    api.add_exception_handler(HTTPException, lambda _, error: _http_error(error))
    api.add_exception_handler(Exception, lambda *_: _error(500, "An error of the service."))
    return Watched(api, service, pages)


class Watched:
    """An application whose requests are counted and whose answers have safe headers."""

    def __init__(self, api, service, pages):
        self.api = api
        self._service = service
        self._metrics = service.metrics
        self._pages = pages

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.api(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, HEADERS, lambda: self._service.is_stopping)
        start = time.monotonic()
        try:
            await self.api(scope, exchange.receive, exchange.send)
        finally:
            other = "page" if scope["path"] in self._pages else "other"
            route = getattr(scope.get("route"), "path", other)
            status = "gone" if exchange.status in (None, _GONE) else str(exchange.status)
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - start)


def _add_model_routes(api, service):
    @api.post("/v1/predict", **documents.predict(service))
    async def predict(request: Request, query: Annotated[PredictQuery, Query()]):
        service.require_room()
        with service.room.lease() as take:
            uploads = await _read_uploads(request, service, service.limits.posters, take)
            found = await unless_gone(request, service.predict(uploads, query.top))
        content = {"predictions": [entry for entry, _ in found]}
        reasons = {reason for _, reason in found}
        if None in reasons:
            return JSONResponse(content)
        one = len(found) == 1
        what = found[0][0]["error"] if one else f"None of the {len(found)} posters can be used."
        # The client's file, not its form, is what is too large or no picture.
        status = 413 if reasons == {TOO_LARGE} else 422
        return JSONResponse({"error": what} | content, status)

    @api.post("/v1/explain", **documents.explain(service))
    async def explain(request: Request, query: Annotated[ExplainQuery, Query()]):
        service.require_room()
        with service.room.lease() as take:
            upload = (await _read_uploads(request, service, 1, take))[0]
            work = service.explain(upload, query.genres, query.overlay)
            return JSONResponse(await unless_gone(request, work))

    @api.get("/v1/model", **documents.model())
    async def model(_: Annotated[NoQuery, Query()]):
        return JSONResponse(service.about())


def _add_state_routes(api, service):
    @api.get("/healthz", **documents.healthz())
    async def healthz():
        return JSONResponse({"status": "ok"})

    @api.get("/readyz", **documents.readyz())
    async def readyz():
        trouble = service.trouble()
        if trouble is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": trouble}, 503, headers={"retry-after": "5"})

    @api.get("/metrics", **documents.metrics())
    async def metrics():
        return Response(service.metrics.text(), media_type=service.metrics.content_type)


async def _read_uploads(request, service, most, take):
    """Return the `Upload`s of a request, at least one.

    Raises:
        Refused: 415 for another Content-Type, 422 without posters, and as
            `read_body` and the forms do.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        form = MultipartForm(content_type, most)
    elif kind == "application/json" and service.takes_urls:
        form = UrlForm(most)
    elif kind == "application/json":
        raise Refused(
            415,
            "This service takes no URLs. Upload posters as multipart/form-data, or start it with "
            "--allow-urls.",
            "wrong type",
        )
    else:
        raise Refused(
            415,
            "Posters are uploaded as multipart/form-data. Received: "
            f"{one_line(kind, 80) or 'no Content-Type'}",
            "wrong type",
        )
    await read_body(request, form.feed, service.limits, take)
    uploads = form.finish()
    if not uploads:
        raise Refused(422, "There is no poster in the request.", "no posters")
    return uploads


def _error(status, message, headers=None):
    return JSONResponse({"error": message}, status, headers)


def _refusal(service, error):
    service.metrics.refused.labels(error.reason).inc()
    wait = error.retry_after
    return _error(error.status, str(error), wait and {"retry-after": str(wait)})


def _wrong_query(error):
    first = error.errors()[0]
    name = first["loc"][-1] if isinstance(first["loc"][-1], str) else first["loc"][-2]
    return _error(422, one_line(f"{name}: {first['msg']}. Received: {first['input']}", 300))


def _http_error(error):
    return _error(error.status_code, error.detail, error.headers)
