"""What can be measured from outside, for Prometheus."""
