"""Serves localstripe, the Stripe-protocol stand-in of the payment tests, on loopback only and in memory only.

usage: stripe_stand_in.py PORT
"""

import sys

from aiohttp import web
from localstripe import resources, server

# It would keep its charges in one file for every run on this machine.
resources.Store.dump_to_disk = lambda self: None

web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
