"""A marketplace over real pictures whose truth is known: what evaluation and decision are judged against."""
