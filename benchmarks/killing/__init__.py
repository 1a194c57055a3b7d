"""Parts of `kill_documents.py`: clients that type, sites that die, and what has to hold afterwards."""
