"""`python -m cli`, which is `makker` where the package is not installed."""

from cli.main import app

if __name__ == "__main__":
    app(prog_name="makker")
