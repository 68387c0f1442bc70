"""A synthetic study with known truth: invented patients, drawn events, and files that are bad on purpose.

::

    settings    every number that shapes the events
    structural  patients, in months          clinical    their sheet, in dates
    composition what cells are drawn from    events      one tube, as a cytometer sees it
    defects     what is wrong, where         plan        every file and its random stream
    write       the folder                   study       all of it in one call
"""

from phenotype.simulate.settings import HARDER, SimulationSettings
from phenotype.simulate.study import simulate_from_command, simulate_study

__all__ = ["HARDER", "SimulationSettings", "simulate_from_command", "simulate_study"]
