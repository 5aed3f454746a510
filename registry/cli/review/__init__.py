"""People and judges look at calls; what people say becomes cases in git."""
