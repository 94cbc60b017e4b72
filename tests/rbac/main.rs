//! Role-based access control with real servers: what clients with certificates may write.
//!
//! | module | shows |
//! | --- | --- |
//! | `alike` | random roles, permissions, owners and transactions are judged as by the packaged server |
//! | `controller` | the role that ovn-northd gives to ovn-controller, in OVN's southbound database |
//! | `remotes` | the role of a remote, clients without a name, and conversions |

mod alike;
mod controller;
mod named;
mod remotes;
mod site;

use ovsdb_harness::pki;
