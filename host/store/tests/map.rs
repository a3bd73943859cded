//! The map over sled: ordered, paged, batched.

use youji_store::{MAX_VALUE_BYTES, Map, MapOp, SledMap, StoreError, Watermark};

fn put(key: &[u8], value: &[u8]) -> MapOp {
    MapOp::Put(key.to_vec(), value.to_vec())
}

#[tokio::test]
async fn prefixes_are_read_in_pages_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let map = SledMap::open(dir.path()).unwrap();
    let keys: [&[u8]; 8] = [b"a", b"a/1", b"a/2", b"a/3", b"a/\xff", b"a/\xff\xff", b"b", b"\xff\xff"];
    let mark = Watermark { log: [7; 32], sequence: 3 };
    map.apply(keys.iter().map(|key| put(key, key)).collect(), mark).await.unwrap();
    for prefix in [b"".as_slice(), b"a", b"a/", b"a/\xff", b"b", b"c", b"\xff", b"\xff\xff"] {
        let expected: Vec<&[u8]> = keys.iter().copied().filter(|key| key.starts_with(prefix)).collect();
        for page in [1, 2, 100] {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            loop {
                let pairs = map.scan(prefix, up.last().map(Vec::as_slice), page).await.unwrap();
                up.extend(pairs.iter().map(|(key, _)| key.clone()));
                if pairs.len() < page {
                    break;
                }
            }
            loop {
                let pairs = map.scan_back(prefix, down.last().map(Vec::as_slice), page).await.unwrap();
                down.extend(pairs.iter().map(|(key, _)| key.clone()));
                if pairs.len() < page {
                    break;
                }
            }
            assert_eq!(up, expected, "{prefix:?} by {page}");
            down.reverse();
            assert_eq!(down, expected, "{prefix:?} by {page}, backwards");
        }
    }
    assert!(map.scan(b"a/", Some(b"b"), 9).await.unwrap().is_empty());
    assert_eq!(map.scan(b"a/", Some(b"a"), 9).await.unwrap().len(), 5);
    assert!(map.scan_back(b"a/", Some(b"a"), 9).await.unwrap().is_empty());
    assert_eq!(map.scan_back(b"a/", Some(b"b"), 9).await.unwrap().len(), 5);
}

#[tokio::test]
async fn batches_are_whole_and_the_watermark_goes_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let map = SledMap::open(dir.path()).unwrap();
    let mark = |sequence| Watermark { log: [7; 32], sequence };
    map.apply(vec![put(b"k", b"1"), put(b"k", b"2"), put(b"gone", b"x")], mark(1))
        .await
        .unwrap();
    map.apply(
        vec![MapOp::Delete(b"gone".to_vec()), put(b"edge", &vec![1; MAX_VALUE_BYTES])],
        mark(2),
    )
    .await
    .unwrap();
    let error = map
        .apply(vec![put(b"k", b"3"), put(b"big", &vec![1; MAX_VALUE_BYTES + 1])], mark(3))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    map.flush().await.unwrap();
    drop(map);
    let map = SledMap::open(dir.path()).unwrap();
    assert_eq!(map.get(&[b"k", b"gone", b"big"]).await.unwrap(), [Some(b"2".to_vec()), None, None]);
    assert_eq!(map.watermark().await.unwrap(), mark(2));
    map.clear().await.unwrap();
    assert_eq!(map.watermark().await.unwrap(), Watermark::default());
    assert!(map.scan(b"", None, 9).await.unwrap().is_empty());
}
