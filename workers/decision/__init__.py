"""Whether to retrain: evidence that is written once, tests that may be looked at daily, causes, rules, one request."""
