"""`python -m mobile_client_stub`: the phone's command line."""

from mobile_client_stub.cli import main

main()
