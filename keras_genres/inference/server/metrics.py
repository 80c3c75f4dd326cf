"""What the service counts, in the form that Prometheus reads."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_POSTERS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one service, in a registry of their own.

    Every label has a few fixed values: nothing of a request becomes one.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self):
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = self._make(
            Counter, "requests", "Requests by route and status.", ["route", "status"]
        )
        self.seconds = self._make(
            Histogram,
            "request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
        )
        self.refused = self._make(
            Counter, "refused", "Requests that were refused, by why.", ["reason"]
        )
        self.posters = self._make(
            Counter, "posters", "Posters that got scores, or an error.", ["outcome"]
        )
        self.errors = self._make(
            Counter, "poster_errors", "Posters that could not be read, by why.", ["reason"]
        )
        self.explanations = self._make(Counter, "explanations", "Maps that were made.")
        self.batch = self._make(
            Histogram, "batch_posters", "Posters scored together.", buckets=_POSTERS
        )
        self.batch_seconds = self._make(
            Histogram, "batch_seconds", "Time the network took for a batch.", buckets=_SECONDS
        )
        self.queue = self._make(Gauge, "queue_posters", "Posters that wait for their scores.")
        self.upload = self._make(Gauge, "upload_bytes", "Bytes of bodies that are kept now.")
        self.ready = self._make(Gauge, "ready", "1 while the service takes requests.")

    def text(self):
        """Return all of them as bytes."""
        return generate_latest(self.registry)

    def _make(self, kind, name, meaning, labels=(), **options):
        return kind(f"keras_genres_{name}", meaning, labels, registry=self.registry, **options)
