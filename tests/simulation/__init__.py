"""A whole firm in one process, driven by a seeded scheduler through every fault that sync has to survive.

`World` (world.py) holds the real server, real reference phones, an office and the time; `Oracle` (oracle.py)
says after every healing whether anything was lost, doubled or left unequal. The same seed tells the same
story: `doorstep simulate --seed S --steps N`.
"""
