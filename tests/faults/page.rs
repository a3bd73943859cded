//! The kiosk's own page: what a program says is text there, never markup, whatever it holds.

use std::path::Path;
use youji_tests::kiosk::workspace;

/// Everything with which a page makes markup or code out of text. The strict policy for content would stop most of what follows; this
/// keeps it from being needed.
const MAKERS: [&str; 11] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "srcdoc",
    "DOMParser",
    "createContextualFragment",
    "setHTML",
    "eval(",
    "new Function",
    "javascript:",
];

/// Scripts and pages below a folder, without what was vendored; how many there are.
fn check(folder: &Path) -> usize {
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).expect("the page is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.ends_with("vendor") {
                checked += check(&path);
            }
        } else if path.extension().is_some_and(|extension| extension == "js" || extension == "html") {
            let text = std::fs::read_to_string(&path).expect("text");
            for maker in MAKERS {
                assert!(!text.contains(maker), "{} uses {maker}", path.display());
            }
            checked += 1;
        }
    }
    checked
}

#[test]
fn nothing_makes_markup_out_of_text() {
    let checked = check(&workspace().join("host/kiosk/page"));
    assert!(checked > 20, "{checked} files");
}
