"""Metrics, lag histograms and logs. Knows no market noun: callers bring arrays, labels and sentences."""
