"""What a worker of the Kinto under comparison loads; run by the Python of its own environment."""

import os

from pyramid.paster import get_app

application = get_app(os.environ["KINTO_INI"])
