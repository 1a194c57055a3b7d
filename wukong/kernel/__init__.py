"""The floor of the house: knows no app."""
