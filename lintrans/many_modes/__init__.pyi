from .map import ManyModes as ManyModes
