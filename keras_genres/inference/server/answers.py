"""The forms of the answers, as OpenAPI tells them."""

from pydantic import BaseModel, ConfigDict, Field

SCORES = {"Thriller": 0.71, "Action": 0.64, "Drama": 0.22}
PREDICTION = {
    "source": "alien.jpg",
    "genres": ["Thriller", "Action"],
    "scores": SCORES,
    "error": None,
}
BAD = {
    "source": "notes.txt",
    "genres": [],
    "scores": {},
    "error": "not an image (neither JPEG nor PNG nor another known format)",
}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PredictionAnswer(_Answer):
    """What the model says of one poster."""

    source: str = Field(description="Name of the upload, or the URL.")
    genres: list[str] = Field(description="Genres at or above their threshold, best first.")
    scores: dict[str, float] = Field(description="Scores from 0 to 1 by genre, best first.")
    error: str | None = Field(description="Why there are no scores; null for a poster.")


class PredictAnswer(_Answer):
    """One entry for each poster, in the order they were sent."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"predictions": [PREDICTION, BAD]}}
    )
    predictions: list[PredictionAnswer]


class ErrorAnswer(_Answer):
    """Why a request was refused."""

    error: str = Field(description="One line: what is wrong and what to do.")


class UnreadableAnswer(ErrorAnswer):
    """Why a request was refused; with the error of each poster, where it is theirs."""

    predictions: list[PredictionAnswer] | None = None


class GenreMap(_Answer):
    """Where on the poster the evidence for a genre is."""

    genre: str
    score: float
    threshold: float
    picked: bool = Field(description="Whether the score reaches the threshold.")
    map: list[list[float]] = Field(
        description="Rows from top to bottom, 0 for no evidence to 1; over the whole poster."
    )
    overlay: str | None = Field(
        description="The poster with the map on it, as a data: URL of an image; null if not asked."
    )


class ExplainAnswer(_Answer):
    """Maps of one poster."""

    source: str
    method: str = Field(description="`gradcam` or `occlusion`.")
    maps: list[GenreMap]


class LimitsAnswer(_Answer):
    """What a request may take."""

    body_mb: float
    megapixels: float
    posters: int
    queue: int
    seconds: float
    body_seconds: float


class ModelAnswer(_Answer):
    """The model and what it can do."""

    name: str
    kind: str = Field(description="keras, saved_model, onnx or litert.")
    backbone: str
    genres: list[str]
    thresholds: dict[str, float] = Field(description="On the scale of the scores.")
    calibrated: bool = Field(description="Whether 0.7 means seven in ten.")
    height: int = Field(description="Rows of pixels the network sees.")
    width: int = Field(description="Columns of pixels the network sees.")
    fit: str = Field(description="How a poster of another shape is fitted: squeeze, crop, pad.")
    split_sha256: str = Field(description="Hash of the split the model was trained on.")
    tool_version: str = Field(description="Version of keras-genres that serves it.")
    explains_by: str = Field(description="`gradcam` or `occlusion`.")
    takes_urls: bool
    limits: LimitsAnswer


class StateAnswer(_Answer):
    """`ok`, `ready`, or why not."""

    status: str
