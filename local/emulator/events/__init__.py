"""Amazon EventBridge of the embedded AWS: events reach targets, schedules run on a clock."""
