"""What OpenAPI tells of each route: its body, every status, and an example of each."""

from starlette.responses import PlainTextResponse

from keras_genres.inference.server import answers

_REFUSALS = {
    400: (
        "The body is cut off, or not what its Content-Type says.",
        "The body of the request is no whole multipart/form-data: It ends in the middle.",
    ),
    408: (
        "The body took too long to come.",
        "The body of the request took more than 60 seconds to come.",
    ),
    413: (
        "Too large: the body, the number of posters, or the pixels of every poster.",
        "The body of the request is larger than 32 MB.",
    ),
    415: (
        "A Content-Type that is not taken.",
        "Posters are uploaded as multipart/form-data. Received: text/plain",
    ),
    422: (
        "There is no poster, none of them can be used, or a parameter is wrong.",
        "There is no poster in the request.",
    ),
    429: (
        "Too much is waiting or being uploaded.",
        "256 posters are waiting, and at most 256 may.",
    ),
    500: ("An error of the service.", "An error of the service."),
    503: ("Not ready yet, or no answer in time.", "There was no answer within 30 seconds."),
}
_RETRY = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def predict(service):
    """Return the keyword arguments of `POST /v1/predict` for FastAPI."""
    return {
        "summary": "Tell the genres of posters",
        "description": (
            "One entry for each poster, in their order. A poster that cannot be used has `error` "
            "and keeps nobody up; only if all are so, the status is 422, or 413 if all have "
            "too many pixels."
        ),
        "operation_id": "predict",
        "response_model": answers.PredictAnswer,
        "responses": _refusals(answers.UnreadableAnswer),
        "openapi_extra": {"requestBody": _body(service, service.limits.posters)},
    }


def explain(service):
    """Return the keyword arguments of `POST /v1/explain`."""
    return {
        "summary": "Show where on a poster the evidence for a genre is",
        "description": "Grad-CAM where the model is a Keras network, and occlusion otherwise.",
        "operation_id": "explain",
        "response_model": answers.ExplainAnswer,
        "responses": _refusals(answers.ErrorAnswer),
        "openapi_extra": {"requestBody": _body(service, 1)},
    }


def model():
    """Return the keyword arguments of `GET /v1/model`."""
    return {
        "summary": "Tell the model, its thresholds and the limits",
        "operation_id": "model",
        "response_model": answers.ModelAnswer,
        "responses": {
            422: _example(
                "A parameter, of which there is none here.",
                {"error": "Unknown parameter 'top'. Known here: none."},
            )
            | {"model": answers.ErrorAnswer}
        },
    }


def healthz():
    """Return the keyword arguments of `GET /healthz`."""
    return {
        "summary": "Whether the process answers",
        "operation_id": "healthz",
        "response_model": answers.StateAnswer,
        "responses": {200: _example("It answers.", {"status": "ok"})},
    }


def readyz():
    """Return the keyword arguments of `GET /readyz`."""
    return {
        "summary": "Whether requests should be sent here",
        "operation_id": "readyz",
        "response_model": answers.StateAnswer,
        "responses": {
            200: _example("Ready.", {"status": "ready"}),
            503: _example("Starting, stopping or stuck.", {"status": "stopping"})
            | {"model": answers.StateAnswer, "headers": _RETRY},
        },
    }


def metrics():
    """Return the keyword arguments of `GET /metrics`."""
    example = 'keras_genres_requests_total{route="/v1/predict",status="200"} 12.0\n'
    text = {"text/plain": {"schema": {"type": "string"}, "example": example}}
    return {
        "summary": "Counters, for Prometheus",
        "operation_id": "metrics",
        "response_class": PlainTextResponse,
        "responses": {200: {"description": "In Prometheus's text format.", "content": text}},
    }


def _body(service, most):
    poster = {"type": "string", "format": "binary", "description": "A JPEG, PNG, WebP, GIF, …"}
    content = {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["posters"],
                "properties": {
                    "posters": {
                        "type": "array",
                        "items": poster,
                        "minItems": 1,
                        "maxItems": most,
                    }
                },
            }
        }
    }
    if service.takes_urls:
        url = {"type": "string", "format": "uri", "maxLength": 2048}
        content["application/json"] = {
            "schema": {
                "type": "object",
                "required": ["urls"],
                "additionalProperties": False,
                "properties": {
                    "urls": {"type": "array", "items": url, "minItems": 1, "maxItems": most}
                },
            },
            "example": {"urls": ["https://example.org/alien.jpg"]},
        }
    return {"required": True, "content": content}


def _refusals(unreadable):
    found = {}
    for status, (description, example) in _REFUSALS.items():
        found[status] = _example(description, {"error": example})
        found[status]["model"] = unreadable if status in (413, 422) else answers.ErrorAnswer
        if status in (429, 503):
            found[status]["headers"] = _RETRY
    return found


def _example(description, value):
    return {"description": description, "content": {"application/json": {"example": value}}}
