"""What no client should be able to do, tried by machine: schemathesis on each operation, hypothesis on conversations.

Three things hold of every request, whatever is in it: it is never answered with a 5xx, no credential or a wrong one
writes nothing, and an error leaves every table as it was.
"""

import os

CI = os.environ.get("CI") == "true"
"""Whether as many examples are tried as CI has time for."""
