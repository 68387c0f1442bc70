"""A first look at a folder of FCS exports: a study written for the analyst to correct, ``phenotype init``.

Panels, markers, roles, patients, days and batches are proposed from the names of files and folders and from
keywords. Nothing is chosen between two: what could not be told is ``?``, with the reason in the column ``unsure``,
and ``phenotype check`` refuses it until someone decides.
"""

from phenotype.survey.folder import Folder, Tube, read_folder
from phenotype.survey.proposals import Proposal, Survey, propose, survey_folder
from phenotype.survey.sheets import write_study
from phenotype.survey.told import survey_lines

__all__ = [
    "Folder",
    "Proposal",
    "Survey",
    "Tube",
    "propose",
    "read_folder",
    "survey_folder",
    "survey_lines",
    "write_study",
]
