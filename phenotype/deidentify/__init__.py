"""``phenotype deidentify``: a study again, with nothing in it that was not let through on purpose."""

from phenotype.deidentify.folder import Deidentified, deidentify_folder

__all__ = ["Deidentified", "deidentify_folder"]
