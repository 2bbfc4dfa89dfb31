"""Great Expectations at the door: a suite for each dataset, and the judge that applies them."""

import os

# Read by Great Expectations when it is imported, so it stands before every import of it.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
