"""The local mirror of the prompt repository: fetch its tags, pin them and read their content."""
