"""What agents write and how it is checked. Pure: no Django, no network, no clock (import the submodules by name)."""
