"""``python -m tests.faults``: see tests/faults/trials.py, whose names the workers can import."""

import sys

from tests.faults.trials import main

sys.exit(main(sys.argv[1:]))
