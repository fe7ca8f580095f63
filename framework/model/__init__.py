"""What users declare: records, payloads, computed properties."""
