//! Persistent radix tree from slot to item: leaves of 32, inner nodes of 32, shared by `Arc`.
//!
//! ```text
//!   View 7 ─► root ─┬─► inner ─┬─► leaf (slots 0–31)      shared by both
//!                   │          └─► leaf (slots 32–63)     as of 7
//!   View 8 ─► root'─┴─► inner'─┬─► leaf (slots 0–31)      shared by both
//!                              └─► leaf'(slots 32–63)     one slot changed
//! ```
//!
//! A node reached by one tree only is changed in place; a shared one is copied first. So taking a view is
//! one reference count, and a commit copies the path to each touched leaf once.

use crate::limits::TREE_FANOUT;
use std::array;
use std::sync::Arc;

const BITS: u32 = TREE_FANOUT.trailing_zeros();
const MASK: u32 = TREE_FANOUT as u32 - 1;
const _: () = assert!(TREE_FANOUT.is_power_of_two());

/// A persistent array with holes, indexed by `u32`.
#[derive(Clone, Debug)]
pub struct Tree<T> {
    root: Option<Node<T>>,
    /// Levels of inner nodes above the leaves; the tree covers `32^(height + 1)` slots.
    height: u32,
}

/// 32 slots. Never changed while it is shared.
pub type Leaf<T> = Arc<[Option<T>; TREE_FANOUT]>;

#[derive(Clone, Debug)]
enum Node<T> {
    Leaf(Leaf<T>),
    Inner(Arc<[Option<Node<T>>; TREE_FANOUT]>),
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree {
            root: None,
            height: 0,
        }
    }
}

impl<T: Clone> Tree<T> {
    pub fn get(&self, slot: u32) -> Option<&T> {
        if !self.covers(slot) {
            return None;
        }
        let mut node = self.root.as_ref()?;
        let mut level = self.height;
        loop {
            match node {
                Node::Leaf(items) => return items[(slot & MASK) as usize].as_ref(),
                Node::Inner(children) => {
                    node = children[child_at(slot, level)].as_ref()?;
                    level -= 1;
                }
            }
        }
    }

    /// Puts `item` at `slot` (or makes a hole there) and returns what was there.
    pub fn set(&mut self, slot: u32, item: Option<T>) -> Option<T> {
        while !self.covers(slot) {
            self.grow();
        }
        let height = self.height;
        let root = self.root.get_or_insert_with(|| empty_node(height));
        set_below(root, height, slot, item)
    }

    /// The item at `slot`, to be changed in this tree only.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        if !self.covers(slot) {
            return None;
        }
        let mut node = self.root.as_mut()?;
        let mut level = self.height;
        loop {
            match node {
                Node::Leaf(items) => return Arc::make_mut(items)[(slot & MASK) as usize].as_mut(),
                Node::Inner(children) => {
                    node = Arc::make_mut(children)[child_at(slot, level)].as_mut()?;
                    level -= 1;
                }
            }
        }
    }

    /// Items from `first` on, ascending; lets a long scan be cut into steps.
    pub fn iter_from(&self, first: u32) -> Iter<'_, T> {
        Iter {
            tree: self,
            leaf: None,
            next: u64::from(first),
        }
    }

    /// The leaf that covers the slot, if there is one.
    pub fn leaf_at(&self, slot: u32) -> Option<&Leaf<T>> {
        if !self.covers(slot) {
            return None;
        }
        match self.leaf_of(slot) {
            LeafAt::Leaf(leaf) => Some(leaf),
            LeafAt::Hole { .. } => None,
        }
    }

    /// The leaves in order of slot; those that two trees share are the same `Arc`.
    pub fn leaves(&self) -> impl Iterator<Item = &Leaf<T>> {
        let mut next = 0;
        std::iter::from_fn(move || self.next_leaf(&mut next))
    }

    /// The first leaf from the slot `next` on, which becomes the slot behind it.
    pub fn next_leaf(&self, next: &mut u64) -> Option<&Leaf<T>> {
        loop {
            let slot = u32::try_from(*next).ok().filter(|slot| self.covers(*slot))?;
            match self.leaf_of(slot) {
                LeafAt::Leaf(leaf) => {
                    *next += TREE_FANOUT as u64;
                    return Some(leaf);
                }
                LeafAt::Hole { span } => *next = (*next / span + 1) * span,
            }
        }
    }

    /// Calls `found(slot, old, new)` for every slot at which the two trees hold different items.
    ///
    /// `same` says whether two items are the same one; subtrees shared by both trees are skipped.
    pub fn diff<'t>(
        old: &'t Tree<T>,
        new: &'t Tree<T>,
        same: &dyn Fn(&T, &T) -> bool,
        found: &mut dyn FnMut(u32, Option<&'t T>, Option<&'t T>),
    ) {
        let mut walk = Diff { same, found };
        let height = old.height.max(new.height);
        walk.node(lifted(old, height), lifted(new, height), height, 0);
    }

    fn covers(&self, slot: u32) -> bool {
        let bits = BITS * (self.height + 1);
        self.root.is_some() && (bits >= u32::BITS || slot >> bits == 0)
    }

    fn grow(&mut self) {
        match self.root.take() {
            None => self.root = Some(empty_node(self.height)),
            Some(root) => {
                let mut children = array::from_fn(|_| None);
                children[0] = Some(root);
                self.root = Some(Node::Inner(Arc::new(children)));
                self.height += 1;
            }
        }
    }

    fn leaf_of(&self, slot: u32) -> LeafAt<'_, T> {
        let mut node = self.root.as_ref();
        let mut level = self.height;
        loop {
            match node {
                Some(Node::Leaf(items)) => return LeafAt::Leaf(items),
                Some(Node::Inner(children)) => {
                    node = children[child_at(slot, level)].as_ref();
                    level = level.saturating_sub(1);
                }
                // A hole at `level` spans all slots that share the bits above it.
                None => {
                    return LeafAt::Hole {
                        span: 1u64 << (BITS * (level + 1)),
                    };
                }
            }
        }
    }
}

enum LeafAt<'t, T> {
    Leaf(&'t Leaf<T>),
    Hole { span: u64 },
}

fn child_at(slot: u32, level: u32) -> usize {
    ((slot >> (BITS * level)) & MASK) as usize
}

fn empty_node<T>(level: u32) -> Node<T> {
    if level == 0 {
        Node::Leaf(Arc::new(array::from_fn(|_| None)))
    } else {
        Node::Inner(Arc::new(array::from_fn(|_| None)))
    }
}

fn set_below<T: Clone>(node: &mut Node<T>, level: u32, slot: u32, item: Option<T>) -> Option<T> {
    match node {
        Node::Leaf(items) => std::mem::replace(&mut Arc::make_mut(items)[(slot & MASK) as usize], item),
        Node::Inner(children) => {
            let child = &mut Arc::make_mut(children)[child_at(slot, level)];
            let child = child.get_or_insert_with(|| empty_node(level - 1));
            set_below(child, level - 1, slot, item)
        }
    }
}

/// The root of `tree` as seen from `height`: a lower tree is the first child of all levels above it.
enum Lifted<'t, T> {
    At(Option<&'t Node<T>>),
    Below { tree: &'t Tree<T> },
}

fn lifted<T>(tree: &Tree<T>, height: u32) -> Lifted<'_, T> {
    if tree.height == height || tree.root.is_none() {
        Lifted::At(tree.root.as_ref())
    } else {
        Lifted::Below { tree }
    }
}

struct Diff<'f, 't, T> {
    same: &'f dyn Fn(&T, &T) -> bool,
    found: &'f mut dyn FnMut(u32, Option<&'t T>, Option<&'t T>),
}

impl<'t, T: Clone> Diff<'_, 't, T> {
    fn node(&mut self, old: Lifted<'t, T>, new: Lifted<'t, T>, level: u32, base: u32) {
        match (old, new) {
            (Lifted::At(old), Lifted::At(new)) => self.pair(old, new, level, base),
            (old, new) => {
                // Exactly one side is lower: pair it with the other's first child, and that other's
                // remaining children with nothing.
                let width = BITS * level;
                for at in 0..TREE_FANOUT {
                    let base = base + ((at as u32) << width);
                    let old = child_of(&old, at, level - 1);
                    let new = child_of(&new, at, level - 1);
                    self.node(old, new, level - 1, base);
                }
            }
        }
    }

    fn pair(&mut self, old: Option<&'t Node<T>>, new: Option<&'t Node<T>>, level: u32, base: u32) {
        match (old, new) {
            (None, None) => {}
            (Some(Node::Leaf(a)), Some(Node::Leaf(b))) if Arc::ptr_eq(a, b) => {}
            (Some(Node::Inner(a)), Some(Node::Inner(b))) if Arc::ptr_eq(a, b) => {}
            (old, new) if level == 0 => {
                for at in 0..TREE_FANOUT {
                    let (a, b) = (item_of(old, at), item_of(new, at));
                    let is_same = match (a, b) {
                        (None, None) => true,
                        (Some(a), Some(b)) => (self.same)(a, b),
                        _ => false,
                    };
                    if !is_same {
                        (self.found)(base + at as u32, a, b);
                    }
                }
            }
            (old, new) => {
                for at in 0..TREE_FANOUT {
                    let base = base + ((at as u32) << (BITS * level));
                    self.pair(node_child(old, at), node_child(new, at), level - 1, base);
                }
            }
        }
    }
}

fn child_of<'t, T>(side: &Lifted<'t, T>, at: usize, level: u32) -> Lifted<'t, T> {
    match side {
        Lifted::At(node) => Lifted::At(node_child(*node, at)),
        Lifted::Below { tree } if at == 0 => lifted(tree, level),
        Lifted::Below { .. } => Lifted::At(None),
    }
}

fn node_child<T>(node: Option<&Node<T>>, at: usize) -> Option<&Node<T>> {
    match node {
        Some(Node::Inner(children)) => children[at].as_ref(),
        _ => None,
    }
}

fn item_of<T>(node: Option<&Node<T>>, at: usize) -> Option<&T> {
    match node {
        Some(Node::Leaf(items)) => items[at].as_ref(),
        _ => None,
    }
}

/// Iterator over the items of a [`Tree`].
pub struct Iter<'t, T> {
    tree: &'t Tree<T>,
    leaf: Option<&'t [Option<T>; TREE_FANOUT]>,
    next: u64,
}

impl<'t, T: Clone> Iterator for Iter<'t, T> {
    type Item = (u32, &'t T);

    fn next(&mut self) -> Option<(u32, &'t T)> {
        loop {
            let slot = u32::try_from(self.next).ok()?;
            if self.leaf.is_none() {
                if !self.tree.covers(slot) {
                    return None;
                }
                match self.tree.leaf_of(slot) {
                    LeafAt::Leaf(items) => self.leaf = Some(items),
                    LeafAt::Hole { span } => {
                        self.next = (self.next / span + 1) * span;
                        continue;
                    }
                }
            }
            let items = self.leaf.expect("set just above");
            self.next += 1;
            if self.next & u64::from(MASK) == 0 {
                self.leaf = None;
            }
            if let Some(item) = &items[(slot & MASK) as usize] {
                return Some((slot, item));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use std::collections::BTreeMap;

    fn contents(tree: &Tree<u64>) -> Vec<(u32, u64)> {
        tree.iter_from(0).map(|(slot, item)| (slot, *item)).collect()
    }

    /// A small generator, so that the case can be replayed from its seed.
    fn next(state: &mut u64) -> u64 {
        *state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        *state >> 33
    }

    #[test]
    fn tree_agrees_with_a_map_and_old_versions_stay() {
        let seed = std::env::var("OVSDB_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or(7u64);
        println!("seed {seed}");
        let mut state = seed;
        let mut tree = Tree::default();
        let mut model = BTreeMap::new();
        let mut versions = Vec::new();
        for step in 0..20_000u64 {
            let range = if step % 1000 == 999 { 3_000_000 } else { 5_000 };
            let slot = (next(&mut state) % range) as u32;
            let item = (!next(&mut state).is_multiple_of(4)).then_some(step);
            assert_eq!(tree.set(slot, item), model.get(&slot).copied());
            match item {
                Some(item) => model.insert(slot, item),
                None => model.remove(&slot),
            };
            if step % 4_000 == 0 {
                versions.push((tree.clone(), model.clone()));
            }
        }
        versions.push((tree, model));
        for (tree, model) in &versions {
            assert_eq!(
                contents(tree),
                model.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>()
            );
        }
        for (old, old_model) in &versions {
            for (new, new_model) in &versions {
                let mut seen = BTreeMap::new();
                Tree::diff(old, new, &|a, b| a == b, &mut |slot, a, b| {
                    seen.insert(slot, (a.copied(), b.copied()));
                });
                let mut expected = BTreeMap::new();
                for slot in old_model.keys().chain(new_model.keys()) {
                    let (a, b) = (old_model.get(slot).copied(), new_model.get(slot).copied());
                    if a != b {
                        expected.insert(*slot, (a, b));
                    }
                }
                assert_eq!(seen, expected);
            }
        }
    }

    #[test]
    fn iteration_can_resume_anywhere() {
        let mut tree = Tree::default();
        for slot in [0, 31, 32, 33, 1023, 1024, 40_000] {
            tree.set(slot, Some(u64::from(slot)));
        }
        let tail: Vec<u32> = tree.iter_from(33).map(|(slot, _)| slot).collect();
        assert_eq!(tail, [33, 1023, 1024, 40_000]);
        assert_eq!(tree.iter_from(40_001).count(), 0);
    }
}
