"""Training: how the bundled small SigLIP is made and judged."""
