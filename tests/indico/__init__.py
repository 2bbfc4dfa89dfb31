"""Our readers against a real Indico: ``make indico``."""
