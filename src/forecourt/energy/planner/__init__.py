"""The optimal plan of one site: formulation, solver, arrivals that are expected. Pure: no clock, no database."""
