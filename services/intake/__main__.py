"""Runs intake as a process of its own."""

import os

from services.intake.app import create
from shared.hosting import serve

serve(create, port=int(os.environ.get("PORT", 8000)), bind=os.environ.get("BIND", "127.0.0.1"))
