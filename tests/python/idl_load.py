"""Concurrent transactions through the IDL of Debian's python3-openvswitch.

Usage: idl_load.py REMOTE SCHEMA-FILE THREADS ROUNDS COUNTERS

Every thread has a connection of its own. Each of its transactions adds one to a counter that other threads add to as
well, guarded by the IDL's verification, and inserts two items that point at each other. A transaction that lost the
race is tried again. Prints the number of transactions that succeeded; any other outcome is an error.
"""

import sys
import threading

import ovs.db.idl
import ovs.poller


def wait_for_change(idl, seqno):
    """Runs the IDL until its contents are another than those of seqno."""
    while idl.change_seqno == seqno and not idl.run():
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.block()


def counter_named(idl, name):
    for row in idl.tables["Counter"].rows.values():
        if row.name == name:
            return row
    raise LookupError(f"counter {name} is not in the database")


def transact(idl, counter, number):
    """One transaction, tried until it is neither late nor incomplete. Gives its final status."""
    while True:
        seqno = idl.change_seqno
        txn = ovs.db.idl.Transaction(idl)
        row = counter_named(idl, counter)
        row.verify("total")
        row.total += 1
        first = txn.insert(idl.tables["Item"])
        second = txn.insert(idl.tables["Item"])
        for item, peer, name in ((first, second, "first"), (second, first, "second")):
            item.number = number
            item.name = name
            item.peer = peer
            item.tags = [counter, name]
        status = txn.commit_block()
        if status != ovs.db.idl.Transaction.TRY_AGAIN:
            return status, txn.get_error()
        wait_for_change(idl, seqno)


def work(remote, schema, index, rounds, counters, outcomes):
    helper = ovs.db.idl.SchemaHelper(location=schema)
    helper.register_columns("Counter", ["name", "total"])
    # Items are written, not read: nobody needs to hear of those of the others.
    helper.register_columns("Item", ["number", "name", "peer", "tags"])
    idl = ovs.db.idl.Idl(remote, helper)
    idl.cond_change("Item", [False])
    wait_for_change(idl, idl.change_seqno)
    for turn in range(rounds):
        outcomes.append(transact(idl, f"counter{index % counters}", index * rounds + turn))
    idl.close()


def main():
    remote, schema = sys.argv[1:3]
    threads, rounds, counters = (int(word) for word in sys.argv[3:6])
    outcomes = []
    workers = [
        threading.Thread(target=work, args=(remote, schema, index, rounds, counters, outcomes))
        for index in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    bad = [outcome for outcome in outcomes if outcome[0] != ovs.db.idl.Transaction.SUCCESS]
    if bad or len(outcomes) != threads * rounds:
        sys.exit(f"{len(outcomes)} of {threads * rounds} transactions ended, {len(bad)} badly: {bad[:3]}")
    print(len(outcomes))


main()
