"""`python -m autochrome` is the command `autochrome`."""

from autochrome.cli.main import main

if __name__ == "__main__":
    main(prog_name="autochrome")
