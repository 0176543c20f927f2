"""How good what was shown is: from recorded shelves and what people did, figures with their uncertainty."""
