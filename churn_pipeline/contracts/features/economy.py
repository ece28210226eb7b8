"""What goes on in the sector of the trial: industry benchmarks and economic indicators."""

from churn_pipeline.contracts.features.feature import NamedValues

INDICATOR_VALUES = NamedValues(
    name="indicators",
    prefix="indicator_",
    family="economy",
    meaning="Each indicator of the sector of the trial: the value of its newest period, as published before the snapshot, at most 1e12 in size.",
    says="{name} of the sector is {value:,.6g}",
    absent="no sector known, or nothing published for it yet",
    needs=("trials.sector", "indicators.value"),
    words=20,
)
