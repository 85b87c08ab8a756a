"""The kill switch that trips by itself: rules with limits, what they look at, and when."""
