//! `convert` on a running server: a barrier between transactions, on disk and in front of all clients.
//!
//! | module | shows |
//! | --- | --- |
//! | `alike` | clients hear the same, in the same order, as of the packaged server, and get the same errors |
//! | `server_row` | `_Server` and the catalog tell one story at any time |
//! | `load` | conversions under load by many clients on several workers lose nothing |
//! | `failures` | a value that does not fit, a full disk and kill -9 leave the old database or the new one, whole |
//! | `add_remove` | databases come and go as at the packaged server; what is listed is served |
//! | `programs` | `ovsdb-client` and the distribution's scripts convert; both peers open each other's files |

mod add_remove;
mod alike;
mod failures;
mod load;
mod programs;
mod schemas;
mod server_row;
