//! Databases that come and go, and `_Server`, which lists them: what is listed is served, at any time.

use super::Server;
use crate::db::Hosted;
use crate::limits::LISTING_POLL;
use std::cell::RefCell;
use std::rc::Rc;

/// Waits until `_Server` lists what is served: a client that does not find its database there goes away.
pub(super) async fn wait_for_listing(server: &Rc<RefCell<Server>>) {
    while !server.borrow().is_listing_complete() {
        tokio::time::sleep(LISTING_POLL).await;
    }
    // They know a database from now on, and have waited for its row.
    server.borrow().shared.wake_workers();
}

/// Ends databases that have just been taken out of `_Server`, as soon as it does not list them any more.
pub(super) async fn withdraw(server: &Rc<RefCell<Server>>, gone: Vec<Hosted>) {
    wait_for_listing(server).await;
    for hosted in gone {
        server.borrow().shared.remove(&hosted.name);
        hosted.close();
    }
}
