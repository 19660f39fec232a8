"""`python -m maskprep` is the command `maskprep`."""

from maskprep.cli.app import main

if __name__ == "__main__":
    main()
