//! Order and visibility across threads (`ARCHITECTURE.md`, "Life of a transaction"): who sees what, and when, while
//! several workers serve many clients at once. Every promise is looked at with two and with four workers, on the ring
//! and on epoll; `OVSDB_SEED` repeats the choices of a run, if not the timing.
//!
//! | file | promises |
//! | --- | --- |
//! | `writes` | what is acknowledged is seen by all, in the order in which it was asked for, and rests on durable rows |
//! | `updates` | an update comes before the reply; copies kept by updates are whole and equal what a `select` finds |
//! | `resuming` | a client that comes back by its last id, changes conditions or reads slowly misses nothing |
//! | `locks` | a lock passes, by queue or by theft, after all that its owner has done |
//! | `full_disk` | what did not fit is seen by nobody |

mod copy;
mod full_disk;
mod locks;
mod resuming;
mod scene;
mod storm;
mod updates;
mod writes;
