"""``python -m phenotype`` is the command ``phenotype``."""

from phenotype.cli import main

if __name__ == "__main__":
    main(prog_name="phenotype")
