"""The business of Doorstep: one package per room, and the floor they stand on (`db`, `web`)."""
