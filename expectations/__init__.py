"""Great Expectations at the door: a suite for each dataset, and the judge that applies them."""
