"""Notifications as a process of its own: `python -m services.notifications`, with `PORT` and `BIND`."""

import os

from services.notifications.app import create
from shared.hosting import serve

if __name__ == "__main__":
    serve(create, port=int(os.environ.get("PORT", "8000")), bind=os.environ.get("BIND", "127.0.0.1"))
