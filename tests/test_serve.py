"""What the service answers: scores, entries of bad files, and a status for every limit."""

import base64
import dataclasses
import functools
import io
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image
from serving import BOUNDARY, KIND, files, form, poster
from starlette.testclient import TestClient

from keras_genres.genres import GENRES
from keras_genres.inference.server.app import make_app
from keras_genres.inference.server.limits import Limits
from keras_genres.inference.server.service import Service
from keras_genres.inference.server.serving import fetcher


@pytest.fixture(scope="module")
def runtime(finished):
    from keras_genres.inference.runtimes import open_model

    return open_model(finished.path)


@pytest.fixture(scope="module")
def client(runtime):
    with ready(runtime) as client:
        yield client


def ready(runtime, fetch=None, **limits):
    """Return a client of a service that is warm."""

    class Warm(TestClient):
        def __enter__(self):
            super().__enter__()
            while self.get("/readyz").status_code != 200:
                pass
            return self

    limits = dataclasses.replace(Limits(), **limits)
    return Warm(make_app(Service(runtime, "tiny", limits, fetch=fetch)))


def test_scores_are_those_of_the_exported_model(client, finished, prepared):
    import tensorflow as tf

    names = finished.predictions("test").filenames[:12]
    contents = [(prepared / name).read_bytes() for name in names]
    serve = tf.saved_model.load(str(finished.saved_model)).signatures["serve_bytes"]
    expected = serve(image_bytes=tf.constant(contents))["scores"].numpy()
    answer = client.post("/v1/predict", files=files(*contents))
    assert answer.status_code == 200
    entries = answer.json()["predictions"]
    scores = [[entry["scores"][genre] for genre in GENRES] for entry in entries]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    thresholds = client.get("/v1/model").json()["thresholds"]
    for entry in entries:
        picked = [genre for genre, score in entry["scores"].items() if score >= thresholds[genre]]
        assert entry["genres"] == picked and entry["error"] is None
        assert list(entry["scores"].values()) == sorted(entry["scores"].values(), reverse=True)


def test_one_bad_file_among_ten_fails_alone(client):
    contents = [poster(n) for n in range(10)]
    expected = client.post("/v1/predict", files=files(*contents)).json()["predictions"]
    contents[4] = contents[4][:300]
    answer = client.post("/v1/predict", files=files(*contents))
    found = answer.json()["predictions"]
    assert answer.status_code == 200
    assert found[4]["scores"] == {} and found[4]["genres"] == [] and found[4]["error"]
    for number in set(range(10)) - {4}:
        assert found[number]["genres"] == expected[number]["genres"]
        assert found[number]["scores"] == pytest.approx(expected[number]["scores"], abs=1e-5)


def test_when_all_are_bad_the_status_says_so(client):
    answer = client.post("/v1/predict", files=files(b"text", b""))
    assert answer.status_code == 422
    errors = [entry["error"] for entry in answer.json()["predictions"]]
    assert "not an image" in errors[0] and "empty" in errors[1]
    assert answer.json()["error"] == "None of the 2 posters can be used."


def test_top_cuts_the_scores_and_not_the_genres(client):
    whole, cut = (
        client.post(f"/v1/predict{query}", files=files(poster(1))).json()["predictions"][0]
        for query in ("", "?top=2")
    )
    assert list(cut["scores"].items()) == list(whole["scores"].items())[:2]
    assert cut["genres"] == whole["genres"]


def test_names_of_uploads_come_back_as_one_line(client):
    name = "a<b>\u202e.jpg"
    answer = client.post("/v1/predict", files=[("x", (name, poster(1)))])
    assert answer.json()["predictions"][0]["source"] == "a<b>\\u202e.jpg"


SENT = {
    "wrong type": ({"content-type": "text/plain"}, b"hello", 415),
    "no type": ({}, b"hello", 415),
    "JSON without --allow-urls": ({"content-type": "application/json"}, b'{"urls": []}', 415),
    "nothing at all": ({"content-type": KIND}, b"", 400),
    "no boundary": ({"content-type": "multipart/form-data"}, form(b"x"), 400),
    "another boundary": ({"content-type": KIND + "x"}, form(b"x"), 400),
    "cut off": ({"content-type": KIND}, form(b"x" * 100)[:-60], 400),
    "no posters": ({"content-type": KIND}, f"--{BOUNDARY}--\r\n".encode(), 422),
    "no file": (
        {"content-type": KIND},
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="top"\r\n\r\n5\r\n'
        f"--{BOUNDARY}--\r\n".encode(),
        422,
    ),
    "too many": ({"content-type": KIND}, form(*[b"x"] * 33), 413),
    "long header of a part": (
        {"content-type": KIND},
        f"--{BOUNDARY}\r\nContent-Disposition: {'x' * 9000}\r\n\r\n".encode(),
        400,
    ),
}


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_what_is_sent_wrongly_gets_its_status(client, path, sent):
    headers, content, status = sent
    answer = client.post(path, headers=headers, content=content)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize("query", ["top=0", "top=20", "top=x"])
def test_a_wrong_parameter_is_named(client, query):
    answer = client.post(f"/v1/predict?{query}", files=files(poster(1)))
    assert answer.status_code == 422 and answer.json()["error"].startswith("top: ")


UNKNOWN = {
    "/v1/explain?genre=Drama": "Unknown parameter 'genre'. Did you mean 'genres'? "
    "Known here: genres, overlay.",
    "/v1/predict?top=3&threshold=0.5": "Unknown parameter 'threshold'. Known here: top.",
    "/v1/predict?Top=3": "Unknown parameter 'Top'. Did you mean 'top'? Known here: top.",
    "/v1/model?top=3": "Unknown parameter 'top'. Known here: none.",
}


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named(client, path):
    sent = {} if "model" in path else {"files": files(poster(1))}
    answer = client.request("POST" if sent else "GET", path, **sent)
    assert (answer.status_code, answer.json()) == (422, {"error": UNKNOWN[path]})


def test_unknown_paths_and_methods_are_told_as_json(client):
    assert client.get("/v1/nothing").json() == {"error": "Not Found"}
    answer = client.get("/v1/predict")
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


@pytest.mark.parametrize("is_told", [True, False])
def test_a_body_too_large_is_413_with_and_without_its_length(runtime, is_told):
    body = form(b"x" * 40_000)
    parts = body if is_told else iter([body[:20_000], body[20_000:]])
    with ready(runtime, body_mb=0.03) as client:
        answer = client.post("/v1/predict", headers={"content-type": KIND}, content=parts)
    assert answer.status_code == 413 and "0.03 MB" in answer.json()["error"]


def test_too_many_pixels_are_413_and_fail_alone(runtime):
    large = poster(1, width=200, height=300)
    with ready(runtime, megapixels=0.05) as client:
        answer = client.post("/v1/predict", files=files(large))
        assert answer.status_code == 413 and "too large" in answer.json()["error"]
        assert client.post("/v1/explain", files=files(large)).status_code == 413
        answer = client.post("/v1/predict", files=files(large, poster(2)))
        assert answer.status_code == 200
        assert [entry["error"] is None for entry in answer.json()["predictions"]] == [False, True]


def test_a_full_queue_is_429_and_says_when_to_try_again(runtime):
    with ready(runtime, queue=2) as client:
        answer = client.post("/v1/predict", files=files(*[poster(1)] * 3))
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
        assert client.post("/v1/predict", files=files(poster(1))).status_code == 200


def test_no_memory_for_uploads_is_429_and_comes_back(runtime):
    with ready(runtime, upload_mb=0.02) as client:
        large = client.post("/v1/predict", files=files(b"x" * 30_000))
        assert large.status_code == 429 and "retry-after" in large.headers
        for _ in range(5):
            assert client.post("/v1/predict", files=files(poster(1))).status_code == 200


def test_no_answer_in_time_is_503(runtime):
    with ready(runtime, seconds=1e-9) as client:
        answer = client.post("/v1/predict", files=files(poster(1)))
        assert answer.status_code == 503 and "retry-after" in answer.headers
        assert "keras_genres_queue_posters 0.0" in client.get("/metrics").text


def test_before_it_is_warm_it_is_not_ready(runtime):
    client = TestClient(make_app(Service(runtime, "tiny", Limits())))
    # Without its life cycle the service never begins to warm up.
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "starting"})
    assert client.post("/v1/predict", files=files(poster(1))).status_code == 503


def test_urls_are_read_where_they_are_allowed(runtime):
    def fetch(url):
        from keras_genres.errors import UserError

        if "bad" in url:
            raise UserError(f"{url} cannot be fetched.")
        return poster(3)

    with ready(runtime, fetch=fetch) as client:
        answer = client.post("/v1/predict", json={"urls": ["https://a.org/1", "https://a.org/bad"]})
        assert answer.status_code == 200
        good, bad = answer.json()["predictions"]
        assert good["source"] == "https://a.org/1" and len(good["scores"]) == len(GENRES)
        assert bad["error"] == "https://a.org/bad cannot be fetched."
        for value, status in (
            ({"urls": ["file:///etc/passwd"]}, 422),
            ({"urls": "https://a.org"}, 422),
            ({"urls": []}, 422),
            ({}, 422),
            ([], 422),
            ({"urls": ["https://a.org"] * 33}, 413),
        ):
            assert client.post("/v1/predict", json=value).status_code == status
        headers = {"content-type": "application/json"}
        assert client.post("/v1/predict", headers=headers, content=b"{").status_code == 400
        assert client.get("/v1/model").json()["takes_urls"] is True


def test_addresses_of_this_machine_are_fetched_only_where_it_is_said(runtime, tmp_path):
    (tmp_path / "a.jpg").write_bytes(poster(1))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        body = {"urls": [f"http://127.0.0.1:{server.server_port}/a.jpg"]}
        with ready(runtime, fetch=fetcher(Limits(), True, False)) as client:
            answer = client.post("/v1/predict", json=body)
            assert answer.status_code == 422 and "not public" in answer.json()["error"]
        with ready(runtime, fetch=fetcher(Limits(), True, True)) as client:
            found = client.post("/v1/predict", json=body).json()["predictions"][0]["scores"]
            expected = client.post("/v1/predict", files=files(poster(1))).json()
            expected = expected["predictions"][0]["scores"]
        server.shutdown()
    assert found == pytest.approx(expected, abs=1e-5)
    assert fetcher(Limits(), False, False) is None


def test_explanations_are_maps_over_the_poster(client):
    answer = client.post("/v1/explain?genres=Drama&genres=Sci-Fi", files=files(poster(1)))
    assert answer.status_code == 200
    value = answer.json()
    assert value["method"] == "gradcam"
    assert [each["genre"] for each in value["maps"]] == ["Drama", "Sci-Fi"]
    for each in value["maps"]:
        assert np.ndim(each["map"]) == 2 and 0 <= np.min(each["map"]) <= np.max(each["map"]) <= 1
        assert each["overlay"].startswith("data:image/jpeg;base64,/9j/")
        assert each["picked"] == (each["score"] >= each["threshold"])
    plain = client.post("/v1/explain?overlay=false", files=files(poster(1))).json()["maps"]
    assert plain and all(each["overlay"] is None for each in plain)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_map_lies_over_the_whole_poster_however_it_was_fitted(runtime, fit):
    from keras_genres.inference.runtimes import Runtime

    metadata = runtime.metadata | {"fit": fit}
    thresholds = dict(zip(GENRES, runtime.thresholds, strict=True))
    fitted = Runtime("keras", metadata, runtime.score, thresholds, runtime.network)
    with ready(fitted) as client:
        tall = poster(1, width=60, height=120)
        found = client.post("/v1/explain?genres=Drama", files=files(tall)).json()["maps"][0]
    assert np.shape(found["map"]) == (32, 16)
    # The square that the network saw of a tall poster is its middle half.
    assert (np.max(found["map"][:8]) == 0) or fit == "pad"
    assert (np.max(found["map"][24:]) == 0) or fit == "pad"
    size = Image.open(io.BytesIO(base64.b64decode(found["overlay"].partition(",")[2]))).size
    assert size == (60, 120)


def test_explain_takes_one_poster_and_known_genres(client):
    assert client.post("/v1/explain", files=files(poster(1), poster(2))).status_code == 413
    assert client.post("/v1/explain", files=files(b"text")).status_code == 422
    for name in ("Kitchen", "", "x" * 40_000):
        answer = client.post("/v1/explain", params={"genres": name}, files=files(poster(1)))
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("genres: Unknown genre ")
        assert len(answer.json()["error"]) < 2100


def test_genres_are_spelled_as_on_the_command_line(client):
    query = "genres=hoRRor&genres=science%20fiction&genres=Sci-Fi"
    told = client.post(f"/v1/explain?{query}", files=files(poster(1))).json()["maps"]
    assert [each["genre"] for each in told] == ["Horror", "Sci-Fi"]


def test_an_exported_model_is_explained_by_occlusion_and_scores_the_same(finished, client):
    from keras_genres.inference.runtimes import open_model

    with ready(open_model(finished.saved_model)) as other:
        assert other.get("/v1/model").json()["explains_by"] == "occlusion"
        found = other.post("/v1/explain?genres=Drama", files=files(poster(1))).json()
        assert found["method"] == "occlusion"
        assert np.shape(found["maps"][0]["map"])[0] > 1
        one, two = (
            each.post("/v1/predict", files=files(poster(1))).json()["predictions"][0]["scores"]
            for each in (client, other)
        )
        assert one == pytest.approx(two, abs=1e-5)


def test_the_model_is_told(client, finished):
    told = client.get("/v1/model").json()
    assert told["genres"] == list(GENRES) and told["name"] == "tiny"
    assert (told["height"], told["width"], told["kind"]) == (32, 32, "keras")
    assert told["split_sha256"] == finished.split().sha256
    assert told["limits"]["posters"] == 32 and told["takes_urls"] is False


def test_metrics_count_requests_posters_and_errors(runtime):
    with ready(runtime) as client:
        client.post("/v1/predict", files=files(poster(1), b"text"))
        client.post("/v1/predict", content=b"")
        text = client.get("/metrics").text
    for line in (
        'keras_genres_requests_total{route="/v1/predict",status="200"} 1.0',
        'keras_genres_requests_total{route="/v1/predict",status="415"} 1.0',
        'keras_genres_request_seconds_count{route="/v1/predict"} 2.0',
        'keras_genres_posters_total{outcome="scored"} 1.0',
        'keras_genres_poster_errors_total{reason="not an image"} 1.0',
        'keras_genres_refused_total{reason="wrong type"} 1.0',
        "keras_genres_batch_posters_count 1.0",
        "keras_genres_queue_posters 0.0",
        "keras_genres_upload_bytes 0.0",
        "keras_genres_ready 1.0",
    ):
        assert line in text.splitlines()


def test_openapi_tells_every_status_with_an_example(client):
    told = client.get("/openapi.json").json()
    post = told["paths"]["/v1/predict"]["post"]
    assert set(post["responses"]) == {"200", *map(str, (400, 408, 413, 415, 422, 429, 500, 503))}
    for status, answer in post["responses"].items():
        content = answer["content"]["application/json"]
        assert "schema" in content
        assert "example" in content or status == "200"
        assert ("Retry-After" in answer.get("headers", {})) == (status in ("429", "503"))
    assert list(post["requestBody"]["content"]) == ["multipart/form-data"]
    asked = {each["name"]: each for each in told["paths"]["/v1/explain"]["post"]["parameters"]}
    assert set(asked) == {"genres", "overlay"}
    assert asked["genres"]["schema"]["anyOf"][0]["items"]["enum"] == list(GENRES)
    assert "parameters" not in told["paths"]["/v1/model"]["get"]
    assert "HTTPValidationError" not in told["components"]["schemas"]
    example = told["components"]["schemas"]["PredictAnswer"]["example"]
    assert json.dumps(example["predictions"][0]["genres"])
    assert set(told["paths"]) == {
        "/v1/predict",
        "/v1/explain",
        "/v1/model",
        "/healthz",
        "/readyz",
        "/metrics",
    }
