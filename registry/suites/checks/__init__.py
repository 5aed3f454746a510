"""The checks of a suite: their vocabulary, and how an answer is judged by them."""
