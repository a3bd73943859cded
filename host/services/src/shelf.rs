//! An ordered map that is pictured without copying what stands in it: checkpoints take a picture of the whole state while everybody waits.
//!
//! Entries stand in pages behind `Arc`. A clone shares them; whoever changes one that a clone still holds copies that page. Values that
//! are large belong behind an `Arc` of their own, so that copying a page does not copy them.

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;

/// Entries of a page at most.
const PAGE: usize = 128;

type Page<K, V> = Arc<Vec<(K, V)>>;

fn upto<Q: ?Sized>(key: &Q) -> (Bound<&Q>, Bound<&Q>) {
    (Bound::Unbounded, Bound::Included(key))
}

/// The map. In a checkpoint it looks like any other.
#[derive(Clone, Debug)]
pub(crate) struct Shelf<K, V> {
    /// Each under the least key that it may hold. None is empty.
    pages: BTreeMap<K, Page<K, V>>,
    len: usize,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Shelf {
            pages: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone> Shelf<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.pages.values().flat_map(|page| page.iter()).map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (_, page) = self.pages.range::<Q, _>(upto(key)).next_back()?;
        let at = page.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        page.get(at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let page = self.page_mut(key)?;
        let at = page.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        Arc::make_mut(page).get_mut(at).map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(page) = self.page_mut(&key) else {
            // Less than all: it goes in front of the first page, which must then stand under it, or makes one of its own.
            let room = self.pages.first_key_value().is_some_and(|(_, page)| page.len() < PAGE);
            let first = if room { self.pages.pop_first() } else { None };
            let mut first = first.map(|(_, page)| page).unwrap_or_default();
            Arc::make_mut(&mut first).insert(0, (key.clone(), value));
            self.pages.insert(key, first);
            self.len += 1;
            return None;
        };
        let found = page.binary_search_by(|(known, _)| known.cmp(&key));
        let entries = Arc::make_mut(page);
        let at = match found {
            Ok(at) => return entries.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => at,
        };
        entries.insert(at, (key, value));
        // What grows at its end leaves full pages behind.
        let keep = if at + 1 == entries.len() { PAGE } else { PAGE / 2 };
        let more = (entries.len() > PAGE).then(|| entries.split_off(keep));
        self.len += 1;
        if let Some(more) = more
            && let Some((first, _)) = more.first()
        {
            self.pages.insert(first.clone(), Arc::new(more));
        }
        None
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let page = self.page_mut(key)?;
        let at = page.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        let (_, value) = Arc::make_mut(page).remove(at);
        let empty = page.is_empty();
        self.len -= 1;
        if empty && let Some((least, _)) = self.pages.range::<Q, _>(upto(key)).next_back() {
            let least = least.clone();
            self.pages.remove::<K>(&least);
        }
        Some(value)
    }

    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// Takes the least entry out.
    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        let key = self.first()?.0.clone();
        let value = self.remove(&key)?;
        Some((key, value))
    }

    fn page_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut Page<K, V>>
    where
        K: Borrow<Q>,
    {
        self.pages.range_mut::<Q, _>(upto(key)).next_back().map(|(_, page)| page)
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Shelf<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut shelf = Shelf::default();
        entries.into_iter().for_each(|(key, value)| drop(shelf.insert(key, value)));
        shelf
    }
}

impl<K: Ord + Clone + Serialize, V: Clone + Serialize> Serialize for Shelf<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(self.len))?;
        self.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

struct Map<K, V>(PhantomData<(K, V)>);

impl<'de, K: Ord + Clone + Deserialize<'de>, V: Clone + Deserialize<'de>> Visitor<'de> for Map<K, V> {
    type Value = Shelf<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut shelf = Shelf::default();
        while let Some((key, value)) = map.next_entry()? {
            shelf.insert(key, value);
        }
        Ok(shelf)
    }
}

impl<'de, K: Ord + Clone + Deserialize<'de>, V: Clone + Deserialize<'de>> Deserialize<'de> for Shelf<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Map(PhantomData))
    }
}

/// A shelf of keys alone, in a checkpoint like any other set.
pub(crate) mod keys {
    use super::{Deserialize, Deserializer, PhantomData, SeqAccess, Serialize, Serializer, Shelf, Visitor, fmt};

    pub(crate) fn serialize<K: Ord + Clone + Serialize, S: Serializer>(shelf: &Shelf<K, ()>, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(Some(shelf.len))?;
        shelf.keys().try_for_each(|key| list.serialize_element(key))?;
        list.end()
    }

    struct Set<K>(PhantomData<K>);

    impl<'de, K: Ord + Clone + Deserialize<'de>> Visitor<'de> for Set<K> {
        type Value = Shelf<K, ()>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut shelf = Shelf::default();
            while let Some(key) = list.next_element()? {
                shelf.insert(key, ());
            }
            Ok(shelf)
        }
    }

    pub(crate) fn deserialize<'de, K: Ord + Clone + Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Shelf<K, ()>, D::Error> {
        deserializer.deserialize_seq(Set(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;
    use std::collections::{BTreeMap, BTreeSet};

    /// A small generator, so that a failure is the same each time.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    fn same(shelf: &Shelf<u64, u64>, map: &BTreeMap<u64, u64>) {
        assert_eq!(shelf.len(), map.len());
        assert!(shelf.iter().eq(map.iter()));
        assert_eq!(shelf.first(), map.first_key_value());
    }

    #[test]
    fn it_does_what_a_map_does_and_pictures_stay_as_they_were() {
        for seed in 0..8 {
            let mut draw = Draw(seed);
            let (mut shelf, mut map) = (Shelf::default(), BTreeMap::new());
            let mut pictures = Vec::new();
            for step in 0..20_000 {
                // Few keys, many, in order, and against it.
                let key = match seed % 4 {
                    0 => draw.below(64),
                    1 => draw.below(1 << 20),
                    2 => step,
                    _ => 20_000 - step,
                };
                match draw.below(10) {
                    0..6 => assert_eq!(shelf.insert(key, step), map.insert(key, step)),
                    6 | 7 => {
                        let key = if seed % 4 == 2 { draw.below(step + 1) } else { key };
                        assert_eq!(shelf.remove(&key), map.remove(&key));
                    }
                    8 => assert_eq!(
                        shelf.get_mut(&key).map(|value| std::mem::replace(value, 7)),
                        map.get_mut(&key).map(|value| std::mem::replace(value, 7))
                    ),
                    _ => assert_eq!(shelf.pop_first(), map.pop_first()),
                }
                assert_eq!(shelf.get(&key), map.get(&key), "seed {seed}, step {step}");
                if step % 2_000 == 0 {
                    pictures.push((shelf.clone(), map.clone()));
                }
            }
            same(&shelf, &map);
            pictures.iter().for_each(|(shelf, map)| same(shelf, map));
            while let Some(least) = shelf.pop_first() {
                assert_eq!(Some(least), map.pop_first());
            }
            same(&shelf, &map);
        }
    }

    #[test]
    fn a_checkpoint_can_not_tell_it_from_other_maps_and_sets() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct With(Shelf<String, u64>, #[serde(with = "super::keys")] Shelf<(u64, String), ()>);
        let map: BTreeMap<String, u64> = (0..1_000).map(|n| (format!("key {n}"), n)).collect();
        let set: BTreeSet<(u64, String)> = map.iter().map(|(key, n)| (*n, key.clone())).collect();
        let with = With(map.clone().into_iter().collect(), set.iter().map(|key| (key.clone(), ())).collect());
        let bytes = rmp_serde::to_vec_named(&with).unwrap();
        assert_eq!(bytes, rmp_serde::to_vec_named(&(&map, &set)).unwrap());
        let again: With = rmp_serde::from_slice(&bytes).unwrap();
        assert!(again.0.iter().eq(map.iter()) && again.1.keys().eq(set.iter()));
    }
}
