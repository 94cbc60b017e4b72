//! What monitors ask for, each distinct thing once: shapes, parts (shape and condition) and specs (parts).
//!
//! A spec is all a monitor shows, so equal specs get equal update bodies. Parts and specs are found by
//! content, and go with their last user: a shape with its last part, a part with its last spec, a spec with
//! its last monitor.

use super::clause::Filter;
use super::conditions::{ConditionId, Conditions};
use super::runs::RunId;
use super::shape::Shape;
use super::{MonitorId, publish::TableBodyId};
use crate::hash::{HashMap, Keyed};
use crate::ids::TableId;
use hashbrown::HashTable;
use slab::Slab;
use std::hash::BuildHasher;

/// A [`Shape`] in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ShapeId(u32);

/// A shape together with a condition: what some specs show of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartId(u32);

/// What some monitors show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SpecId(u32);

#[derive(Debug)]
struct ShapeEntry {
    shape: Shape,
    parts_count: u32,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) table: TableId,
    pub(super) shape: ShapeId,
    pub(super) condition: ConditionId,
    /// Specs that contain the part, ascending.
    pub(super) specs: Vec<SpecId>,
    /// Row updates of the notification that is being made; empty in between.
    pub(super) pending: Vec<RunId>,
}

#[derive(Debug)]
pub(super) struct Spec {
    /// In ascending order of table, at most one for each.
    pub(super) parts: Box<[PartId]>,
    /// In no particular order; each knows its place.
    pub(super) monitors: Vec<MonitorId>,
    /// How many of the monitors do not lag.
    pub(super) awake_count: u32,
    /// Table bodies of the notification that is being made; empty in between.
    pub(super) pending: Vec<TableBodyId>,
}

/// The shapes, conditions, parts and specs of a database.
#[derive(Debug)]
pub(super) struct Specs {
    hasher: Keyed,
    shapes: Slab<ShapeEntry>,
    shape_ids: HashTable<ShapeId>,
    parts: Slab<Part>,
    part_ids: HashMap<(TableId, ShapeId, ConditionId), PartId>,
    specs: Slab<Spec>,
    spec_ids: HashTable<SpecId>,
    /// By table.
    conditions: Vec<Conditions>,
    /// Counts parts that came and went, and so also shapes and conditions.
    version: u64,
}

impl Specs {
    pub(super) fn new(tables_count: usize) -> Specs {
        let mut conditions = Vec::new();
        conditions.resize_with(tables_count, Conditions::default);
        Specs {
            hasher: Default::default(),
            shapes: Slab::new(),
            shape_ids: HashTable::new(),
            parts: Slab::new(),
            part_ids: HashMap::default(),
            specs: Slab::new(),
            spec_ids: HashTable::new(),
            conditions,
            version: 0,
        }
    }

    /// A number that is another one whenever other parts are in use than before.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The spec that shows these shapes under these conditions; tables are distinct.
    ///
    /// A new spec has no monitors; whoever does not give it one calls [`Specs::release_unused`].
    pub(super) fn acquire(&mut self, wanted: &[(Shape, Filter)]) -> SpecId {
        let mut parts: Vec<(TableId, PartId)> = wanted
            .iter()
            .map(|(shape, filter)| {
                let condition = self.conditions[shape.table.at()].acquire(filter);
                let shape_id = self.shape_id(shape);
                (shape.table, self.part_id(shape.table, shape_id, condition))
            })
            .collect();
        parts.sort_unstable_by_key(|(table, _)| *table);
        self.spec_id(parts.into_iter().map(|(_, part)| part).collect())
    }

    /// The spec that differs from `id` by the conditions of the given tables, each of which it has.
    pub(super) fn acquire_with(&mut self, id: SpecId, changes: &[(TableId, Filter)]) -> SpecId {
        let parts = self.specs[id.at()].parts.clone();
        let parts = parts
            .iter()
            .map(|part_id| {
                let part = &self.parts[part_id.at()];
                let (table, shape) = (part.table, part.shape);
                match changes.iter().rev().find(|(changed, _)| *changed == table) {
                    Some((_, filter)) => {
                        let condition = self.conditions[table.at()].acquire(filter);
                        self.part_id(table, shape, condition)
                    }
                    None => *part_id,
                }
            })
            .collect();
        self.spec_id(parts)
    }

    /// Forgets the spec, and what only it used, if it has no monitors; returns whether that is so.
    pub(super) fn release_unused(&mut self, id: SpecId) -> bool {
        if !self.specs[id.at()].monitors.is_empty() {
            return false;
        }
        let spec = self.specs.remove(id.at());
        let hash = self.hasher.hash_one(&spec.parts);
        if let Ok(found) = self.spec_ids.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        for part in spec.parts.iter() {
            let specs = &mut self.parts[part.at()].specs;
            let place = specs.binary_search(&id).expect("a part knows its specs");
            specs.remove(place);
            if specs.is_empty() {
                self.remove_part(*part);
            }
        }
        true
    }

    pub(super) fn spec(&self, id: SpecId) -> &Spec {
        &self.specs[id.at()]
    }

    pub(super) fn spec_mut(&mut self, id: SpecId) -> &mut Spec {
        &mut self.specs[id.at()]
    }

    pub(super) fn part(&self, id: PartId) -> &Part {
        &self.parts[id.at()]
    }

    pub(super) fn part_mut(&mut self, id: PartId) -> &mut Part {
        &mut self.parts[id.at()]
    }

    pub(super) fn parts_of(&self, id: SpecId) -> impl Iterator<Item = (PartId, &Part)> {
        let parts = self.specs[id.at()].parts.iter();
        parts.map(|part| (*part, &self.parts[part.at()]))
    }

    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.at()].shape
    }

    pub(super) fn conditions(&self, table: TableId) -> &Conditions {
        &self.conditions[table.at()]
    }

    pub(super) fn conditions_mut(&mut self, table: TableId) -> &mut Conditions {
        &mut self.conditions[table.at()]
    }

    /// True if the spec shows the table.
    pub(super) fn has_table(&self, id: SpecId, table: TableId) -> bool {
        self.parts_of(id).any(|(_, part)| part.table == table)
    }

    /// Numbers of shapes, parts and specs in use.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.shapes.len(), self.parts.len(), self.specs.len())
    }

    fn shape_id(&mut self, shape: &Shape) -> ShapeId {
        let hash = self.hasher.hash_one(shape);
        let known = self
            .shape_ids
            .find(hash, |id| self.shapes[id.at()].shape == *shape);
        if let Some(id) = known {
            return *id;
        }
        let id = ShapeId(narrow(self.shapes.insert(ShapeEntry {
            shape: shape.clone(),
            parts_count: 0,
        })));
        let (hasher, shapes) = (&self.hasher, &self.shapes);
        self.shape_ids
            .insert_unique(hash, id, |id| hasher.hash_one(&shapes[id.at()].shape));
        id
    }

    /// The part of a shape and a condition; uses up the caller's hold on the condition.
    fn part_id(&mut self, table: TableId, shape: ShapeId, condition: ConditionId) -> PartId {
        if let Some(id) = self.part_ids.get(&(table, shape, condition)) {
            self.conditions[table.at()].release(condition);
            return *id;
        }
        self.version += 1;
        let id = PartId(narrow(self.parts.insert(Part {
            table,
            shape,
            condition,
            specs: Vec::new(),
            pending: Vec::new(),
        })));
        self.part_ids.insert((table, shape, condition), id);
        self.shapes[shape.at()].parts_count += 1;
        self.conditions[table.at()].add_part(condition, id);
        id
    }

    fn remove_part(&mut self, id: PartId) {
        self.version += 1;
        let part = self.parts.remove(id.at());
        self.part_ids.remove(&(part.table, part.shape, part.condition));
        let conditions = &mut self.conditions[part.table.at()];
        conditions.remove_part(part.condition, id);
        conditions.release(part.condition);
        let entry = &mut self.shapes[part.shape.at()];
        entry.parts_count -= 1;
        if entry.parts_count > 0 {
            return;
        }
        let shape = self.shapes.remove(part.shape.at()).shape;
        let hash = self.hasher.hash_one(&shape);
        if let Ok(found) = self.shape_ids.find_entry(hash, |other| *other == part.shape) {
            found.remove();
        }
    }

    fn spec_id(&mut self, parts: Box<[PartId]>) -> SpecId {
        let hash = self.hasher.hash_one(&parts);
        let known = self.spec_ids.find(hash, |id| self.specs[id.at()].parts == parts);
        if let Some(id) = known {
            return *id;
        }
        let id = SpecId(narrow(self.specs.vacant_key()));
        for part in &parts {
            let specs = &mut self.parts[part.at()].specs;
            let place = specs.binary_search(&id).expect_err("the spec is new");
            specs.insert(place, id);
        }
        self.specs.insert(Spec {
            parts,
            monitors: Vec::new(),
            awake_count: 0,
            pending: Vec::new(),
        });
        let (hasher, specs) = (&self.hasher, &self.specs);
        self.spec_ids
            .insert_unique(hash, id, |id| hasher.hash_one(&specs[id.at()].parts));
        id
    }
}

impl ShapeId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

impl PartId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

impl SpecId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

fn narrow(key: usize) -> u32 {
    u32::try_from(key).expect("memory ends before 2^32 shapes, parts or specs")
}
