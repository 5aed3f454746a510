"""What calls say of a rollout: counts become evidence, evidence a verdict."""
