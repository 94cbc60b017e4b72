"""Concurrent transactions through Debian's python3-ovsdbapp on a northbound database.

Usage: ovsdbapp_load.py REMOTE THREADS ROUNDS

All threads share one connection, as those of a Neutron server do. Each transaction makes a logical switch with two
ports. Prints the number of transactions that succeeded; any other outcome is an error.
"""

import sys
import threading

from ovsdbapp.backend.ovs_idl import connection
from ovsdbapp.schema.ovn_northbound import impl_idl

TIMEOUT = 120


def work(api, index, rounds, succeeded, failures):
    try:
        for turn in range(rounds):
            switch = f"sw-{index}-{turn}"
            with api.transaction(check_error=True) as txn:
                txn.add(api.ls_add(switch, other_config={"thread": str(index)}))
                for port in ("a", "b"):
                    txn.add(api.lsp_add(switch, f"{switch}-{port}"))
                    txn.add(api.lsp_set_addresses(f"{switch}-{port}", ["dynamic"]))
            succeeded.append(switch)
    except Exception as error:  # Whatever it is, the test has to say it.
        failures.append((index, repr(error)))


def main():
    remote = sys.argv[1]
    threads, rounds = (int(word) for word in sys.argv[2:4])
    idl = connection.OvsdbIdl.from_server(remote, "OVN_Northbound")
    shared = connection.Connection(idl=idl, timeout=TIMEOUT)
    api = impl_idl.OvnNbApiIdlImpl(shared)
    succeeded, failures = [], []
    workers = [
        threading.Thread(target=work, args=(api, index, rounds, succeeded, failures)) for index in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures or len(succeeded) != threads * rounds:
        sys.exit(f"{len(succeeded)} of {threads * rounds} transactions succeeded: {failures[:3]}")
    print(len(succeeded))


main()
