"""A gauge: a metric with its values, and the text of many as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from memreg.core.errors import MetricsUnavailable


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, told from its others by labels."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge: its name, what it says, and its values."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def prometheus_text(found: Iterable[Metric]) -> str:
    """The metrics in Prometheus' text format. Raises MetricsUnavailable without the extra `metrics`."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import GaugeMetricFamily
    except ImportError as exc:
        raise MetricsUnavailable from exc

    class Collector:
        """Hands over what was measured already."""

        def collect(self) -> Iterator[GaugeMetricFamily]:
            for metric in found:
                names = list(metric.samples[0].labels) if metric.samples else []
                family = GaugeMetricFamily(metric.name, metric.help, labels=names)
                for sample in metric.samples:
                    family.add_metric([sample.labels[name] for name in names], sample.value)
                yield family

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry).decode()
