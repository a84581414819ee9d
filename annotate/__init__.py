"""The craft of getting labels: Label Studio, label configurations, results and records, packets."""
