"""What may stand in the query of each route; anything else is refused, never passed over."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from keras_genres.errors import UserError
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.inference.explain import genre_called
from keras_genres.inference.server.limits import Refused
from keras_genres.setting_values import explain_near, shorten


class NoQuery(BaseModel):
    """The query of a route that takes no parameters, and what all queries share.

    Raises:
        Refused: 422 for a parameter that the route does not know.
    """

    @model_validator(mode="before")
    @classmethod
    def _require_known(cls, values):
        known = list(cls.model_fields)
        for name in values:
            if name not in known:
                raise Refused(
                    422,
                    f"Unknown parameter {shorten(name)}.{explain_near(name, known)} "
                    f"Known here: {', '.join(known) or 'none'}.",
                    "unknown parameter",
                )
        return values


class PredictQuery(NoQuery):
    """The query of `POST /v1/predict`."""

    top: int | None = Field(
        None, ge=1, le=NUM_GENRES, description="Tell only the best scores of each poster."
    )


def _genre(name):
    """Return the genre that a parameter means, spelled as on the command line."""
    try:
        return genre_called(name)
    except UserError as error:
        raise Refused(422, f"genres: {error}", "unknown genre") from None


class ExplainQuery(NoQuery):
    """The query of `POST /v1/explain`."""

    genres: list[Annotated[Literal[GENRES], BeforeValidator(_genre)]] | None = Field(
        None,
        max_length=NUM_GENRES,
        description=(
            "One parameter for each genre; case, spaces, hyphens and underscores do not count. "
            "Default: those picked, or else the best."
        ),
    )
    overlay: bool = Field(True, description="Whether to draw the map on the poster too.")
