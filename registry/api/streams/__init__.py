"""Who listens to releases, what each has not been sent yet, and how many have what."""
